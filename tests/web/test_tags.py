"""Tags of uploads: how many, and where they lead."""

from __future__ import annotations

import html
import re

from chevupload import Limits, Policy


def test_more_than_fifty_tags_stay(make):
    """Up to the site's limit, in their order."""
    names = [f"t{number}" for number in range(300)]
    assert [tag["name"] for tag in make().upload(tags=",".join(names))["tags"]] == names[:200]
    assert len(make(limits=Limits(max_tags=3)).upload(tags=",".join(names))["tags"]) == 3


def test_a_viewer_leads_where_the_host_has_tags(make):
    """And nowhere by default; a name is quoted, whatever is in it."""
    pattern = '(?s)<ul class="row" aria-label="Tags">(.*?)</ul>'
    stand = make(policy=Policy(tag_url="/tags?of={tag}"))
    image = stand.upload(tags='a & "b",c')
    found = re.search(pattern, stand.open(image["url_viewer"]).text)[1]
    links = re.findall(r'<li><a class="badge" href="([^"]*)">([^<]*)</a></li>', found)
    assert [(html.unescape(url), html.unescape(name)) for url, name in links] == [
        ("/tags?of=a%20%26%20%22b%22", 'a & "b"'),
        ("/tags?of=c", "c"),
    ]
    assert [tag["url"] for tag in image["tags"]] == [url for url, _ in links]
    plain = make()
    shown = plain.open(plain.upload(tags="c")["url_viewer"]).text
    assert re.search(pattern, shown)[1].strip() == '<li><span class="badge">c</span></li>'
