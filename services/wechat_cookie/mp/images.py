"""Telling pictures from what only claims to be one."""

from dataclasses import dataclass, field

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture's bytes and the type that they have, whatever the answer's header claimed."""

    content: bytes = field(repr=False)
    content_type: str

    @property
    def is_whole(self) -> bool:
        """Whether the picture's end is there: what was cut off in the middle still begins like one."""
        match self.content_type:
            case "image/jpeg":
                # Within a picture's data these two bytes never follow each other.
                return b"\xff\xd9" in self.content
            case "image/png":
                return b"IEND" in self.content[-1024:]
            case "image/gif":
                return self.content.rstrip(b"\0\r\n ").endswith(b";")
            case _:
                return len(self.content) >= int.from_bytes(self.content[4:8], "little") + 8


def recognise(content: bytes) -> Image | None:
    """The picture if `content` begins as a JPEG, PNG, GIF or WebP file does, else None.

    The answer's Content-Type is no help: WeChat says `image/jpg`, and an error page can say so as well.
    """
    for signature, content_type in _SIGNATURES:
        if content.startswith(signature):
            return Image(content, content_type)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Image(content, "image/webp")
    return None
