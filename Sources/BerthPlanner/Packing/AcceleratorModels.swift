/// A set of accelerator models, each known by its number in a `ModelCatalog`.
public struct AcceleratorModels: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    /// Every model, known or to come: the request names none.
    public static let any = AcceleratorModels(rawValue: .max)

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The set of one model.
    public init(model: Int) {
        precondition((0..<ModelCatalog.limit).contains(model), "A model's number comes from a ModelCatalog.")
        self.init(rawValue: 1 << UInt64(model))
    }
}
