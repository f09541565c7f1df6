"""Records of portable instruments, judged again from their raw readings."""
