"""The command `hullo`: one file a command."""

import typer

from hullo.cli.answer import answer
from hullo.cli.call import call
from hullo.cli.config import config
from hullo.cli.contacts import contacts
from hullo.cli.demo import demo
from hullo.cli.doctor import doctor
from hullo.cli.message import message
from hullo.cli.rendezvous import rendezvous
from hullo.cli.say import say
from hullo.cli.serve import serve
from hullo.cli.tail import tail
from hullo.cli.telegram import telegram

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real one-to-one voice calls: an agent or a person gets a phone line.",
)
app.command()(serve)
app.command()(call)
app.command()(answer)
app.command()(say)
app.command()(tail)
app.command()(rendezvous)
app.command()(doctor)
app.command()(demo)
app.add_typer(config, name="config")
app.add_typer(contacts, name="contacts")
app.add_typer(message, name="message")
app.add_typer(telegram, name="telegram")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
