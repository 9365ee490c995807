/// placeholder
public struct MachineStack: Hashable, Sendable, Codable {
    public init() {}
}
