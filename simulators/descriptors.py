"""File descriptors: thousands of connections need more of them than a shell gives by default."""

import resource


def allow_connections(count: int) -> None:
    """Raise the soft limit of open files to hold `count` connections, as far as the hard limit allows.

    Raises
    ------
    OSError
        If the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"{count} connections need {wanted} open files, but the hard limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
