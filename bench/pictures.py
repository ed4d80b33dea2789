"""A photo of about 300 KB, and as many that differ from it by a few bytes as are wanted."""

import io
from dataclasses import dataclass

WIDTH, HEIGHT = 1600, 1200
WANTED_BYTES = 300 * 1000


@dataclass(frozen=True)
class Picture:
    """A JPEG with room for a comment behind its first marker, which makes each copy another file."""

    jpeg: bytes

    @property
    def size(self) -> int:
        return len(self.jpeg) + len(self._comment(0))

    def own_part(self, number: int) -> bytes:
        return self.jpeg[:2] + self._comment(number)

    @property
    def common_part(self) -> bytes:
        return self.jpeg[2:]

    @staticmethod
    def _comment(number: int) -> bytes:
        text = f"giap-ranh bench {number:020d}".encode()
        return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text


def make_picture() -> Picture:
    """A hillside under noise, at the JPEG quality that comes nearest to 300 KB."""
    from PIL import Image

    slope = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    grain = Image.effect_noise((WIDTH, HEIGHT), 40)
    image = Image.merge("RGB", (Image.blend(slope, grain, 0.3), Image.blend(slope, grain, 0.5), grain))
    made = []
    for quality in range(10, 95, 3):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        made.append(file.getvalue())
    return Picture(min(made, key=lambda jpeg: abs(len(jpeg) - WANTED_BYTES)))
