"""A model that is saved and loaded again, and what it answers to JSON."""

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.models.model import LoadedModel


def saved(model, sample, **options):
    """The model as it is loaded after it was saved with a sample."""
    item = modelbundle.save("m", model, sample=sample, **options)
    return LoadedModel.load(Store.default().directory(item))


def answer(loaded, instances, method="predict"):
    """What a client gets for these instances."""
    batch = table.collate(loaded.manifest.methods[method].inputs, instances)
    return table.to_instances(loaded.call(method, batch))
