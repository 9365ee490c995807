import Foundation

/// A JSON document as a test reads it: what is not there is `null`, at any depth.
struct JSON: CustomStringConvertible {
    private let value: Any?

    init(_ value: Any?) { self.value = value is NSNull ? nil : value }

    init(parsing data: Data) throws {
        self.init(try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed))
    }

    subscript(name: String) -> JSON { JSON((value as? [String: Any])?[name]) }
    subscript(index: Int) -> JSON { elements.indices.contains(index) ? elements[index] : JSON(nil) }

    var isNull: Bool { value == nil }
    var text: String? { value as? String }
    var number: Double? { (value as? NSNumber)?.doubleValue }
    var integer: Int? { (value as? NSNumber)?.intValue }
    var flag: Bool? { value as? Bool }
    var elements: [JSON] { (value as? [Any] ?? []).map { JSON($0) } }
    var texts: [String] { elements.compactMap(\.text) }
    /// An object's names, those of nulls too.
    var names: Set<String> { Set((value as? [String: Any] ?? [:]).keys) }
    var description: String { value.map { "\($0)" } ?? "null" }
}
