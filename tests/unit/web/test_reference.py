"""The page of the API's operations is served here, asks no other host, and keeps to the policy of the other page."""

from __future__ import annotations

import re

import pytest
from tests.fakes.stores import MemoryStore
from tests.web_site import client_of

from tapeline.web import Access, PageData

FILES = ("index.html", "reference.js", "reference.css")


def test_every_file_is_served_without_a_log_in_and_names_no_other_host() -> None:
    with client_of(PageData(MemoryStore()), Access("a-token-of-more-than-24-characters")) as client:
        texts = [client.http_text(f"/reference/{name}") for name in FILES]
        for address in re.findall(r'(?:href|src)="([^"#]+)"', texts[0]):
            if "api/" not in address:
                client.http_text(f"/reference/{address}")
    for text in texts:
        assert not re.search(r"https?://", text)
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", texts[0])


@pytest.mark.parametrize("name", ["innerHTML", "insertAdjacentHTML", "eval(", "document.write"])
def test_texts_of_the_description_never_become_markup(name: str) -> None:
    with client_of(PageData(MemoryStore())) as client:
        assert name not in client.http_text("/reference/reference.js")
