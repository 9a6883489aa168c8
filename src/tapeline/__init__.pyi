from tapeline import errors as errors
from tapeline.app.candle_picture import plot as plot
from tapeline.app.expectations import forecast as forecast
from tapeline.app.expectations import odds as odds
from tapeline.app.frames import analyse as analyse
from tapeline.app.loading import load as load
from tapeline.app.pandas_accessor import extend_pandas as extend_pandas
from tapeline.app.resampling import resample as resample
from tapeline.app.scanning import scan as scan
from tapeline.app.server_client import connect as connect

__version__: str
__all__ = [
    "__version__", "analyse", "connect", "errors", "extend_pandas", "forecast", "load", "odds", "plot", "resample",
    "scan",
]  # fmt: skip
