"""Bodies that schemathesis cannot write by itself."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def octets(_context, value):
    """Appended bytes of a tus upload."""
    return value if isinstance(value, bytes) else str(value).encode()
