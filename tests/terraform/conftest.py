"""Give the tests of Terraform what makes it fast: one process of the provider for all that it is run for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping

import pytest

from tests.terraform.running import kept_provider


@pytest.fixture(scope="session")
def terraform() -> Iterator[Mapping[str, str]]:
    """Yield the environment of `terraform`. Without it a test is skipped; a terraform that cannot be used fails it."""
    if shutil.which("terraform") is None:
        pytest.skip(
            "terraform is not installed (developer.hashicorp.com/terraform/install): whether its files can be read and "
            "fit the provider's schema is checked without it, by test_hcl_files and test_provider_6; plans are not"
        )
    with kept_provider() as environment:
        yield environment
