/// Jobs that are taken for the same work: those of one user and project whose names are equal but for a number at the
/// end. `train-17` and `train-18` are both of the family `train-#`, and so are all tasks of an array.
public struct JobFamily: Hashable, Comparable, Sendable, Codable {
    public var user: String
    /// Empty where the jobs name none.
    public var project: String
    /// With `#` in the place of the number.
    public var name: String

    public init(user: String, project: String, name: String) {
        self.user = user
        self.project = project
        self.name = name
    }

    public init(_ submission: Submission) {
        let name = submission.specification.name
        let digits = name.utf8.reversed().prefix { (48...57).contains($0) }.count
        self.init(
            user: submission.user, project: submission.specification.account,
            name: digits == 0 ? name : name.dropLast(digits) + "#")
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.user, left.project, left.name) < (right.user, right.project, right.name)
    }
}

extension JobFamily: CustomStringConvertible {
    /// `"train-#" of ada`
    public var description: String { "\"\(name)\" of \(user)" }
}
