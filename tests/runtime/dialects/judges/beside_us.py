"""Other people's generated messages and ours in one process: `beside_us.py ROOT MODULE...`.

Prints which of our fields are called or numbered otherwise in theirs.
"""

import importlib
import json
import sys

from google.protobuf import __version__ as version
from google.protobuf import descriptor_pool

root, *modules = sys.argv[1:]
for name in modules[1:]:
    importlib.import_module(name)
sys.path.insert(0, root)
ours = importlib.import_module("modelbundle.runtime.grpc.messages.pool").pool()
importlib.import_module(modules[0])  # theirs may come after ours as well


def fields(message):
    return {
        each.name: (each.number, each.type)
        for each in message.fields
        if not (each.message_type and each.message_type.GetOptions().map_entry)
    }


theirs = descriptor_pool.Default()
differences, compared = [], 0
for name in ours.names():
    try:
        found = theirs.FindMessageTypeByName(name)
    except KeyError:
        continue
    compared += 1
    other = fields(found)
    for field, said in fields(ours[name].DESCRIPTOR).items():
        if other.get(field) != said:
            differences.append([name, field, said, other.get(field)])
print(json.dumps({"protobuf": version, "compared": compared, "differences": differences}))
