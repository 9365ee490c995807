import Glibc

/// Time since the machine's boot. Nobody sets it, and a jump of the wall clock does not move it.
///
/// Two clocks run: one counts while the machine is suspended (`CLOCK_BOOTTIME`, clock_gettime(2)), one does not
/// (`CLOCK_MONOTONIC`). A time limit counts by the first, as the plan does that gave the resources for so long; a grace
/// by the second, since a job can do nothing with time in which nobody ran.
public struct BootClock: Equatable, Sendable {
    /// Milliseconds since the boot, suspension included.
    public var elapsed: Int64
    /// Milliseconds in which the machine ran.
    public var running: Int64

    public init(elapsed: Int64, running: Int64) {
        self.elapsed = elapsed
        self.running = running
    }

    public static var now: BootClock {
        // Read in this order, a pause between the two calls never looks like a suspension.
        let elapsed = milliseconds(CLOCK_BOOTTIME)
        return BootClock(elapsed: elapsed, running: milliseconds(CLOCK_MONOTONIC))
    }

    /// How long the machine was suspended since an earlier reading, in milliseconds; what is below a tenth of a second is
    /// taken for none.
    public func suspension(since earlier: BootClock) -> Int64 {
        let span = (elapsed - running) - (earlier.elapsed - earlier.running)
        return span >= 100 ? span : 0
    }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
