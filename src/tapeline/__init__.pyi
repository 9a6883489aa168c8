from tapeline.app.frames import analyse as analyse
from tapeline.app.loading import load as load
from tapeline.app.resampling import resample as resample
from tapeline.app.scanning import scan as scan

__version__: str
