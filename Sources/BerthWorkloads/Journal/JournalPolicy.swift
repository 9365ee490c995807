/// Who decides which task of a recorded history starts when and where.
public enum JournalPolicy: String, CaseIterable, Sendable {
    /// The controller's own planner, on the fleet and with the configuration that were recorded last.
    case berth
    /// Nobody anew: what really happened.
    case recorded
}
