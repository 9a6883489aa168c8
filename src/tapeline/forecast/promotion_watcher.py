"""Notice for a running pipeline that another version of its model was promoted."""

from __future__ import annotations

from tapeline.errors import ModelError, StorageError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.registry import Registry


class PromotionWatcher:
    """Notice for a running pipeline when another version is promoted. Polling is one small read."""

    def __init__(
        self, registry: Registry, name: str, version: str | None, features: FeatureSet = DEFAULT_FEATURES,
        interval: int | None = None,
    ) -> None:  # fmt: skip
        """Watch the model `name`, of which `version` is in use in this process (None: no version).

        `interval` is the length of the bars to predict in ms: a model for others is refused.
        """
        self._interval = interval
        self._registry = registry
        self._name = name
        self._version = version
        self._features = features
        self._reported = ""

    def poll(self) -> LightGBMModel | None:
        """Return the model in use if it is not the one of the last call, otherwise None.

        Raises `ModelError` when it cannot be used or the registry cannot be read, once for as long as that lasts.
        """
        try:
            version = self._registry.current(self._name)
            found = None
            if version is not None and version != self._version:
                found = self._registry.load(self._name, version, self._features)
                found.check_interval(self._interval)
                self._version = version
        except (ModelError, StorageError) as error:
            if str(error) == self._reported:
                return None
            self._reported = str(error)
            raise ModelError(self._reported) from error
        self._reported = ""
        return found
