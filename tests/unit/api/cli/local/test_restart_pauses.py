from api.cli.local.restart_pauses import STEADY_S, RestartPauses, starts_again


def test_the_first_start_is_at_once_and_pauses_grow_to_half_a_minute() -> None:
    pauses = RestartPauses()
    assert [pauses.next_s(ran_s=1) for _ in range(9)] == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_what_ran_for_long_is_started_at_once() -> None:
    pauses = RestartPauses()
    for _ in range(5):
        pauses.next_s(ran_s=1)
    assert [pauses.next_s(ran_s=STEADY_S), pauses.next_s(ran_s=1)] == [0, 1]


def test_the_pause_is_said_in_words() -> None:
    assert starts_again(0) == "it starts again now"
    assert starts_again(30) == "it starts again in 30 s"
