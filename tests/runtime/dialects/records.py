"""Records of protobuf, as clients of AWS' own algorithms send rows."""

import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def record_class():
    """`aialgs.data.Record` as AWS' documentation defines it, in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="aialgs.data")
    kinds = {"Float32Tensor": 2, "Float64Tensor": 1, "Int32Tensor": 5}  # float, double, int32
    for name, kind in kinds.items():
        tensor = file.message_type.add(name=name)
        for number, (field, type_) in enumerate({"values": kind, "keys": 4, "shape": 4}.items(), 1):
            made = tensor.field.add(name=field, number=number, type=type_, label=3)
            made.options.packed = True
    blob = file.message_type.add(name="Bytes")
    blob.field.add(name="value", number=1, type=12, label=3)
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    numbers = {"Float32Tensor": 2, "Float64Tensor": 3, "Int32Tensor": 7, "Bytes": 9}
    for name, number in numbers.items():
        field = value.field.add(name=name.lower(), number=number, type=11, label=1, oneof_index=0)
        field.type_name = f".aialgs.data.{name}"
    record = file.message_type.add(name="Record")
    for number, name in enumerate(("features", "label"), 1):
        entry = record.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=9, label=1)
        entry.field.add(name="value", number=2, type=11, label=1, type_name=".aialgs.data.Value")
        made = record.field.add(name=name, number=number, type=11, label=3)
        made.type_name = f".aialgs.data.Record.{entry.name}"
    record.field.add(name="uid", number=3, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


RECORD = record_class()


def recorded(*records, flag=0):
    """A body of records: `(kind, values, keys, shape)` each, or their bytes."""
    body = b""
    for each in records:
        data = each
        if not isinstance(each, bytes):
            record = RECORD(uid="row")
            kind, values, keys, shape = (*each, (), ())[:4]
            tensor = getattr(record.features["values"], kind)
            tensor.values.extend(values)
            tensor.keys.extend(keys)
            tensor.shape.extend(shape)
            record.label["values"].float32tensor.values.append(1)
            data = record.SerializeToString()
        body += struct.pack("<II", 0xCED7230A, len(data) | flag << 29) + data
        body += b"\0" * (-len(data) % 4)
    return body
