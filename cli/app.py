"""The table of commands."""

from typing import TYPE_CHECKING

from . import (
    build,
    containerize,
    delete,
    diff,
    doctor,
    gc,
    init,
    listing,
    lock,
    models,
    predict,
    save,
    schema,
    serve,
    show,
    test,
    verify,
)

if TYPE_CHECKING:
    from typer import Typer

HELP = """Turn a trained model into a service that you can trust.

\b
  bundle save iris train:model --sample rows.csv
  bundle build
  bundle serve iris
  bundle containerize iris
"""


def create_app() -> "Typer":
    """Put the commands under one name, in the order in which a person meets them."""
    from typer import Typer

    app = Typer(
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,  # 65 ms of every `--help`
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.command()(init.init)
    app.command()(save.save)
    app.add_typer(models.create_app(), name="models")
    app.command()(lock.lock)
    app.command()(build.build)
    app.command("list")(listing.list_bundles)
    app.command()(show.show)
    app.command()(diff.diff)
    app.command()(delete.delete)
    app.command()(verify.verify)
    app.command()(test.test)
    app.command()(serve.serve)
    app.command()(predict.predict)
    app.command()(containerize.containerize)
    app.command()(doctor.doctor)
    app.command()(gc.gc)
    app.command()(gc.du)
    app.command()(schema.schema)
    return app
