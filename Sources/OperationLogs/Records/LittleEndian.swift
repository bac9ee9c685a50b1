extension UnsafeRawBufferPointer {
    /// A little-endian integer at `offset`. The caller has checked the bounds.
    @inlinable
    public func littleEndian<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// A big-endian integer at `offset`. The caller has checked the bounds.
    @inlinable
    public func bigEndian<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// The part from `offset` with `length` bytes.
    @inlinable
    public func part(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[offset..<offset + length])
    }
}

extension UnsafeMutableRawPointer {
    @inlinable
    public func storeLittleEndian<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    @inlinable
    public func storeBigEndian<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
    }
}

extension [UInt8] {
    package mutating func appendLittleEndian<Value: FixedWidthInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
