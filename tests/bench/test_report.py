"""The ratios are what a bound is held against."""

from bench.report import ratios, table


def rate(per_second: float) -> dict[str, float]:
    return {"per_second": per_second, "p50_ms": 1.0, "cpu_us": 1.0}


def test_ratios_hold_the_gateway_against_its_peers():
    found = ratios(
        {
            "json": {"kscope": rate(2400), "litellm": rate(120)},
            "stream": {"kscope": rate(600), "litellm": rate(20), "nginx": rate(2400)},
            "latency": {"kscope": {"p50_ms": 0.75}, "direct": {"p50_ms": 0.05}},
            "cold": {"kscope": rate(3456.7)},
        }
    )

    assert (found["json_vs_litellm"], found["stream_vs_litellm"]) == (20, 30)
    assert found["stream_vs_nginx"] == 0.25
    assert found["added_p50_ms_c1"] == 0.7
    assert found["cold503_rps"] == 3457


def test_what_was_not_measured_is_none_and_the_table_still_stands():
    found = ratios({})

    assert set(found.values()) == {None}
    assert "json_vs_litellm" in table({}, found)


def test_paced_tells_the_highest_level_without_a_stall():
    def level(stalls: int, added_ms: float) -> dict[str, object]:
        added = {"added_ttft_p99_ms": added_ms, "added_gap_p99_ms": added_ms}
        return {"kscope": {"stalls": stalls, "starved": 0.0}, **added}

    passed = {
        "streams": 200,
        "levels": {"100": level(0, 1), "200": level(0, 2), "300": level(9, 3)},
    }
    failed = {"streams": 0, "levels": {"100": level(5, 4)}}

    assert ratios({"paced": passed})["paced"] == {
        "streams": 200, "stalls": 0, "added_ttft_p99_ms": 2, "added_gap_p99_ms": 2,
    }  # fmt: skip
    assert ratios({"paced": failed})["paced"]["streams"] == 0
    assert ratios({"paced": failed})["paced"]["stalls"] == 5


def test_the_table_names_what_another_load_spoiled():
    figures = {"json": {"kscope": {**rate(1), "starved": 0.4}}, "cold": {"kscope": rate(1)}}

    told = table(figures, ratios(figures))

    assert "others held the gateway's core for 40% of `json`" in told
    assert "`cold`" not in told
