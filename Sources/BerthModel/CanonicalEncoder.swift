/// `CanonicalWriter` as Swift's `Encodable` types know it. A value is written where it is encoded; no tree is made.
struct CanonicalEncoder: Encoder {
    let writer: CanonicalWriter
    /// How many containers the value stands in.
    let depth: Int

    // Only for the texts of errors, which this encoder does not need.
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        writer.begin(isObject: true, at: depth)
        return KeyedEncodingContainer(CanonicalObject(writer: writer, depth: depth + 1))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        writer.begin(isObject: false, at: depth)
        return CanonicalArray(writer: writer, depth: depth + 1)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { CanonicalValue(writer: writer) }
}

private struct CanonicalObject<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: CanonicalWriter
    /// How many containers its members stand in.
    let depth: Int
    var codingPath: [any CodingKey] { [] }

    private func begin(_ key: Key) { writer.beginMember(key.stringValue, at: depth) }

    func encodeNil(forKey key: Key) {
        begin(key)
        writer.writeNil()
    }

    func encode(_ value: Bool, forKey key: Key) {
        begin(key)
        writer.write(flag: value)
    }

    func encode(_ value: String, forKey key: Key) {
        begin(key)
        writer.write(text: value)
    }

    func encode(_ value: Int, forKey key: Key) {
        begin(key)
        writer.write(integer: value)
    }

    func encode(_ value: Int64, forKey key: Key) {
        begin(key)
        writer.write(integer: value)
    }

    func encode(_ value: UInt64, forKey key: Key) {
        begin(key)
        writer.write(integer: value)
    }

    func encode(_ value: Double, forKey key: Key) throws {
        begin(key)
        try writer.write(fraction: value)
    }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        begin(key)
        try writer.write(value: value)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key)
        -> KeyedEncodingContainer<Nested>
    {
        superEncoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        superEncoder(forKey: key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder {
        writer.beginMember("super", at: depth)
        return CanonicalEncoder(writer: writer, depth: depth)
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        begin(key)
        return CanonicalEncoder(writer: writer, depth: depth)
    }
}

private struct CanonicalArray: UnkeyedEncodingContainer {
    let writer: CanonicalWriter
    /// How many containers its elements stand in.
    let depth: Int
    var codingPath: [any CodingKey] { [] }
    private(set) var count = 0

    init(writer: CanonicalWriter, depth: Int) {
        self.writer = writer
        self.depth = depth
    }

    private mutating func begin() {
        writer.beginElement(at: depth)
        count += 1
    }

    mutating func encodeNil() {
        begin()
        writer.writeNil()
    }

    mutating func encode(_ value: some Encodable) throws {
        begin()
        try writer.write(value: value)
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        superEncoder().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { superEncoder().unkeyedContainer() }

    mutating func superEncoder() -> any Encoder {
        begin()
        return CanonicalEncoder(writer: writer, depth: depth)
    }
}

private struct CanonicalValue: SingleValueEncodingContainer {
    let writer: CanonicalWriter
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { writer.writeNil() }
    func encode(_ value: Bool) { writer.write(flag: value) }
    func encode(_ value: String) { writer.write(text: value) }
    func encode(_ value: Double) throws { try writer.write(fraction: value) }
    func encode(_ value: Float) throws { try writer.write(fraction: value) }
    func encode(_ value: Int) { writer.write(integer: value) }
    func encode(_ value: Int8) { writer.write(integer: value) }
    func encode(_ value: Int16) { writer.write(integer: value) }
    func encode(_ value: Int32) { writer.write(integer: value) }
    func encode(_ value: Int64) { writer.write(integer: value) }
    func encode(_ value: UInt) { writer.write(integer: value) }
    func encode(_ value: UInt8) { writer.write(integer: value) }
    func encode(_ value: UInt16) { writer.write(integer: value) }
    func encode(_ value: UInt32) { writer.write(integer: value) }
    func encode(_ value: UInt64) { writer.write(integer: value) }
    func encode(_ value: some Encodable) throws { try writer.write(value: value) }
}
