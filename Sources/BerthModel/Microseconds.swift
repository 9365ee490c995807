/// A duration that is recorded as a whole number of microseconds; Swift's own form is two numbers that nobody can read.
@propertyWrapper
public struct Microseconds: Hashable, Sendable, Codable {
    public var wrappedValue: Duration

    public init(wrappedValue: Duration) { self.wrappedValue = wrappedValue }
    public init(from decoder: any Decoder) throws { wrappedValue = .microseconds(try Int64(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try wrappedValue.microseconds.encode(to: encoder) }
}

/// The same for a duration that may not be set: null.
@propertyWrapper
public struct OptionalMicroseconds: Hashable, Sendable, Codable {
    public var wrappedValue: Duration?

    public init(wrappedValue: Duration?) { self.wrappedValue = wrappedValue }
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : .microseconds(try container.decode(Int64.self))
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue.microseconds) } else { try container.encodeNil() }
    }
}
