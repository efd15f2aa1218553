# SPDX-License-Identifier: Apache-2.0
"""gpc's command line."""

import pytest

from gatepost.cli.gpc_options import CONTROLLER_COMMANDS, command_list, parse_arguments


@pytest.mark.parametrize(
    ("argv", "command", "inputs"),
    [
        ([], "symbols", []),
        (["-"], "symbols", ["-"]),
        (["a.eml"], "symbols", ["a.eml"]),
        (["symbols"], "symbols", []),
        (["CHECK", "a.eml", "b.eml"], "check", ["a.eml", "b.eml"]),
        (["a.eml", "check"], "symbols", ["a.eml", "check"]),
        (["a.eml", "-u", "alice", "b.eml"], "symbols", ["a.eml", "b.eml"]),
        (["learn_class:news", "a.eml"], "learn_class:news", ["a.eml"]),
        (["-c", "bayes", "learn_spam", "a.eml"], "learn_spam", ["a.eml"]),
        (["./stat"], "symbols", ["./stat"]),
    ],
)
def test_the_first_word_may_be_a_command(argv, command, inputs):
    args = parse_arguments(argv)
    assert (args.command, args.inputs) == (command, inputs)


@pytest.mark.parametrize(
    "argv",
    [
        ["--nonsense"],
        ["-n", "0"],
        ["-n", "many"],
        ["-t", "-1"],
        ["-t", "nan"],
        ["--sort", "colour"],
        ["-u"],
        ["--head", "A: b"],  # abbreviations would change their meaning with the next option
    ],
)
def test_wrong_usage_is_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        parse_arguments(argv)
    assert stop.value.code == 2
    assert "gpc: error:" in capsys.readouterr().err


def test_every_option_of_rspamc_for_scanning_is_known():
    argv = (
        "-h host -P word -u a -d b -i 192.0.2.1 -F c -r d -r e -n 3 -j -m -p -t 2.5 -R --compact "
        "--raw --ucl --helo f --hostname g --header h:i --header j=k --headers --settings {} "
        "--queue-id l --log-tag m -U n -E -z --msgpack --extended-urls --profile "
        "--sort score:asc -e cat --files-list o --exclude p -b 127.0.0.1 -v file"
    )
    args = parse_arguments(argv.split())
    assert args.rcpt == ["d", "e"]
    assert args.header == ["h:i", "j=k"]
    assert (args.timeout, args.max_requests, args.inputs) == (2.5, 3, ["file"])


def test_help_teaches_by_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_arguments(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "gpc -u alice@example.org -i 10.0.0.5 letter.eml" in out
    assert "exit codes" in out


def test_the_list_of_commands_names_them_all():
    assert all(name in command_list() for name in ("symbols", *CONTROLLER_COMMANDS))
