from tapeline.app.frames import analyse as analyse

__version__: str
