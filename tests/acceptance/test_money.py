"""What is paid for: never more than the cap, never the same question twice, whoever asks and wherever its files lie."""

from __future__ import annotations

from cli_program import (
    PRICES,
    SMALL,
    Program,
    billed,
    billed_usd,
    model,
    paid_twice,
    provider,
    requests,
    row,
    small,
    write_items,
    write_picture,
    write_rows,
)

from orchestrator.simulator import Settings, running

RUN = ("run", "items.jsonl", "-m", SMALL)


def test_a_runs_cap_and_a_providers_budget_stop_below_them_and_raised_go_on(program: Program) -> None:
    """The bill stays under the run's cap, then, in another run, under the provider's; nothing is ever paid twice."""
    write_items(program.folder, 40)
    large = "sim-spine-large-openai"
    run = ("run", "items.jsonl", "-m", large, "--json")
    with running(Settings()) as simulator:
        blocks = (provider(simulator, "openai"), model("sim-spine-large", "openai"))
        program.configure(*blocks, "[budget]\nsim-openai = 0.05\n")
        capped = program(*run, "--budget", "0.03", code=3)
        assert 0 < billed_usd(simulator) <= capped.json["ledger_usd"] <= capped.json["cap_usd"] == 0.03
        assert capped.json["models"][large]["unsent"] > 0
        assert "stopped by the cap $0.03" in capped.err
        other = program(*run, "--budget", "5", "--run", "other", code=3)
        assert 0.03 < billed_usd(simulator) <= capped.json["ledger_usd"] + other.json["ledger_usd"] <= 0.05
        assert "stopped by the lifetime budget of provider sim-openai" in other.err
        program.configure(*blocks)
        raised = program(*run, "--budget", "5").json
        assert raised["cache_hits"] == capped.json["calls"] + other.json["calls"]
        assert raised["models"][large]["unsent"] == 0
        assert billed(simulator) == 40
        assert paid_twice(simulator) == {}


def test_two_processes_at_once_share_the_work_and_pay_once(program: Program) -> None:
    """The same command twice at the same time: the same table, no question sent twice, and one pace for both."""
    write_items(program.folder, 40)
    with running(Settings(rpm=900, latency_s=0.1)) as simulator:
        program.configure(*small(simulator, rpm=900))
        with program.started(*RUN) as one, program.started(*RUN) as other:
            tables = {one.finish().out, other.finish().out}
        assert len(tables) == 1
        assert simulator.ledger()["total"]["statuses"] == {"200": 40}
        assert paid_twice(simulator) == {}


def test_only_the_edited_picture_is_asked_again(program: Program) -> None:
    """What counts is a picture's bytes: edited at the same path it is a new question, renamed and moved it is not."""
    write_items(program.folder, 4)
    with running(Settings()) as simulator:
        program.configure(*small(simulator))
        program(*RUN)
        assert requests(simulator) == 4
        write_picture(program.folder / "images" / "0001.png", seed=99)
        (program.folder / "images" / "0002.png").rename(program.folder / "images" / "renamed.png")
        write_rows(program.folder, [row(0), row(1), row(2, image="images/renamed.png"), row(3)])
        edited = program(*RUN, "--json").json
        assert (edited["calls"], edited["cache_hits"]) == (1, 3)
        moved = program.folder / "moved"
        moved.mkdir()
        for name in ("items.jsonl", "images"):
            (program.folder / name).rename(moved / name)
        elsewhere = program("run", "moved/items.jsonl", "-m", SMALL, "--json").json
        assert (elsewhere["calls"], elsewhere["cache_hits"]) == (0, 4)
        assert requests(simulator) == 5


def test_samples_limits_and_prompts_make_questions_of_their_own(program: Program) -> None:
    """`--limit` asks only the first items; more samples keep what the first gave; a run's name stands for all that."""
    write_items(program.folder, 5)
    (program.folder / "prompt.toml").write_text(
        'system = "You read radiographs."\n'
        'single = "{question}\\n{options}\\n{final_line}"\nmulti = "{question}\\n{options}\\n{final_line}"\n'
    )
    run = (*RUN, "--prompt", "prompt.toml")
    with running(Settings()) as simulator:
        program.configure(*small(simulator))
        assert program(*run, "--limit", "2", "--json").json["calls"] == 2
        sampled = program(*run, "--samples", "2", "--run", "twice", "--json").json
        assert (sampled["run"], sampled["calls"], sampled["cache_hits"]) == ("twice", 8, 2)
        assert requests(simulator) == 10
    assert program("score", "items.jsonl", "--run", "twice", "--json").json["run"] == "twice"
    assert "other settings" in program(*RUN, "--run", "twice", code=2).err


def test_a_new_price_holds_for_what_is_asked_from_now_on(program: Program) -> None:
    """What was paid is never asked again or counted anew, and the cap counts the old charges beside the new ones."""
    write_items(program.folder, 6)
    with running(Settings()) as simulator:
        provided, sold = small(simulator)
        program.configure(provided, sold)
        first = program(*RUN, "--limit", "3", "--run", "one", "--budget", "1", "--json").json
        dollars_in, dollars_out = PRICES["sim-spine-small"]
        dearer = sold.replace(f"per_mtok = {dollars_in}", f"per_mtok = {dollars_in * 10}").replace(
            f"per_mtok = {dollars_out}", f"per_mtok = {dollars_out * 10}"
        )
        program.configure(provided, dearer)
        again = program(*RUN, "--limit", "3", "--run", "one", "--budget", "1", "--json").json
        assert (again["calls"], again["ledger_usd"]) == (0, first["ledger_usd"])
        other = program(*RUN, "--run", "all", "--budget", "1", "--json").json
        assert (other["calls"], other["cache_hits"]) == (3, 3)
        assert other["ledger_usd"] > 5 * first["ledger_usd"]
        assert requests(simulator) == 6
        status = program("status", "--json").json
        assert status["ledger_usd"] == round(first["ledger_usd"] + other["ledger_usd"], 9)
