"""Recognises image formats by content."""

from dataclasses import dataclass, field

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True)
class Image:
    """An image and its actual type, which the answer's header may misstate."""

    content: bytes = field(repr=False)
    content_type: str

    @property
    def is_whole(self) -> bool:
        """Whether the image is complete, not truncated."""
        match self.content_type:
            case "image/jpeg":
                # This sequence does not occur within image data.
                return b"\xff\xd9" in self.content
            case "image/png":
                return b"IEND" in self.content[-1024:]
            case "image/gif":
                return self.content.rstrip(b"\0\r\n ").endswith(b";")
            case _:
                return len(self.content) >= int.from_bytes(self.content[4:8], "little") + 8


def recognise(content: bytes) -> Image | None:
    """Returns the image if `content` begins like a JPEG, PNG, GIF or WebP file, else None.

    The Content-Type is not reliable: WeChat sends `image/jpg`, and an error page can send it as well.
    """
    for signature, content_type in _SIGNATURES:
        if content.startswith(signature):
            return Image(content, content_type)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    return None
