"""TLS towards a broker: always verified, the files read anew for every connection."""

import ssl

from gateway.config import MqttTls
from gateway.errors import SourceError


def tls_context(settings: MqttTls) -> ssl.SSLContext:
    """A client context that verifies chain and host name, TLS 1.2 at least.

    Raises
    ------
    SourceError
        If a file cannot be used now; a certificate that is being renewed may be good in a moment.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file, settings.key_password)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(f"TLS files cannot be used: {error}") from error
    return context
