package import BerthKeeping
import BerthModel

extension Isolation {
    /// The control groups of the agent that keeps its state in this directory: two agents of one machine, each with its
    /// own, do not clear away each other's.
    package static func established(forAgentIn stateDirectory: String) -> Isolation {
        var hasher = StableHasher()
        hasher.combine(stateDirectory)
        return established(key: hasher.text)
    }
}
