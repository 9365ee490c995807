/// Gives each model's name a number, in the order of first mention.
public struct ModelCatalog: Hashable, Sendable {
    /// As many names as an `AcceleratorModels` has bits.
    public static let limit = 64

    public private(set) var names: [String] = []
    private var numbers: [String: Int] = [:]

    public init() {}

    /// The number of `name`; nil where the catalog is full and the name new.
    public mutating func number(of name: String) -> Int? {
        if let known = numbers[name] { return known }
        guard names.count < Self.limit else { return nil }
        numbers[name] = names.count
        names.append(name)
        return names.count - 1
    }
}
