"""DICOM files for Pillow, where the package pydicom is installed: rescaled and windowed as the file itself says.

A window is the radiographer's choice of what is to be seen, so it is applied as pydicom applies it (`apply_voi_lut`);
what comes of it is reduced to 8 bits like any other deep file, by the range of its dataset. Needs nothing of Thaw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFile

if TYPE_CHECKING:
    import numpy as np

MAGIC_AT, MAGIC = 128, b"DICM"
ABSENT = "a DICOM file, which is read only where the package pydicom is installed (pip install pydicom)"


class DicomFile(ImageFile.ImageFile):
    """One frame at a time; grey ones of mode "I" or "F", colour ones "RGB"."""

    format = "DICOM"

    def _open(self) -> None:
        from core.portable.pictures import Unfit

        assert self.fp is not None
        self.fp.seek(MAGIC_AT)
        if self.fp.read(4) != MAGIC:
            raise SyntaxError("not a DICOM file")
        self.fp.seek(0)
        try:
            from pydicom import dcmread
        except ImportError:
            raise Unfit(ABSENT) from None
        try:
            self._about = dcmread(self.fp)
            self._size = (int(self._about.Columns), int(self._about.Rows))
            colours, frames = int(self._about.SamplesPerPixel), int(self._about.get("NumberOfFrames") or 1)
        except Exception as error:
            raise Unfit("a DICOM file without a picture") from error
        palette = self._about.PhotometricInterpretation == "PALETTE COLOR"
        self._mode = "RGB" if colours == 3 or palette else "F"
        self.info["white_is_zero"] = self._about.PhotometricInterpretation == "MONOCHROME1"
        self.n_frames, self.is_animated, self._frame, self._loaded = frames, frames > 1, 0, -1

    def tell(self) -> int:
        return self._frame

    def seek(self, frame: int) -> None:
        self._frame = frame

    def load(self) -> Any:
        if self._loaded != self._frame:
            made = Image.fromarray(self._samples())
            self.im, self._mode, self._loaded = made.im, made.mode, self._frame
        return Image.Image.load(self)

    def _samples(self) -> np.ndarray:
        """The frame, [h, w] of int32 or float32, or [h, w, 3] of uint8. Raises Unfit."""
        import numpy as np
        from pydicom import pixels

        from core.portable.pictures import Unfit

        try:
            values = pixels.pixel_array(self._about, index=self._frame)
            if self._about.PhotometricInterpretation == "PALETTE COLOR":
                values = pixels.apply_color_lut(values, self._about)
            if values.ndim == 2:
                values = pixels.apply_voi_lut(pixels.apply_modality_lut(values, self._about), self._about)
        except Exception as error:  # it raises many kinds
            why = " ".join(str(error).split()).partition(": ")[0].rstrip(".")
            raise Unfit(f"a DICOM file that pydicom cannot decode here: {why}") from error
        if values.ndim == 3:
            return values if values.dtype == np.uint8 else (values >> 8 * (values.dtype.itemsize - 1)).astype(np.uint8)
        return values.astype(np.int32 if values.dtype.kind in "iu" else np.float32)
