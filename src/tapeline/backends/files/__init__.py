"""Keep archives, registries and models in folders of this machine."""
