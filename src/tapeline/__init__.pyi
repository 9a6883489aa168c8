from tapeline.app.frames import analyse as analyse
from tapeline.app.loading import load as load
from tapeline.app.resampling import resample as resample

__version__: str
