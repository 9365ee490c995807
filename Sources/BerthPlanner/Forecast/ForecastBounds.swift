import BerthModel

/// How far a forecast looks, and how much work it may be.
///
/// A step is one line of equal jobs looked at in one plan, about a microsecond; a start counts as 32 of them, an end or a
/// newcomer as 16. On a fleet of a few hundred nodes the bounds below keep an answer below a second; what they cut is told.
public struct ForecastBounds: Hashable, Sendable {
    public var horizon: Duration
    /// Ends of attempts in one course.
    public var ends: Int
    /// Drawn courses, for the bands.
    public var courses: Int
    /// Steps of one answer, all its courses together.
    public var steps: Int

    public init(
        horizon: Duration = .seconds(30 * 86_400), ends: Int = 5_000, courses: Int = 40, steps: Int = 300_000
    ) {
        self.horizon = horizon
        self.ends = ends
        self.courses = courses
        self.steps = steps
    }

    /// The course in which all goes as expected takes no more than a quarter of the answer's steps.
    var stepsPerCourse: Int { steps / 4 }
}
