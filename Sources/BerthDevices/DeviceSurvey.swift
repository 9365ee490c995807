import Dispatch
import Foundation
import Synchronization

/// Asks several drivers, each on a thread of its own, so that one that hangs holds nobody up.
public enum DeviceSurvey {
    /// What all drivers say, in their order.
    ///
    /// - Parameter limit: how long a driver may take; one that takes longer is left behind, with a problem that says so.
    public static func report(
        of drivers: [GPUDriver] = GPUDriver.all, within limit: Duration = .seconds(20)
    ) -> ProbeReport {
        let inquiries = drivers.map { driver in
            let inquiry = Inquiry()
            Thread.detachNewThread {
                inquiry.answer.withLock { [report = driver.report()] in $0 = report }
                inquiry.isDone.signal()
            }
            return (driver, inquiry)
        }
        let deadline = DispatchTime.now() + .milliseconds(Int(limit / .milliseconds(1)))
        return inquiries.reduce(into: ProbeReport()) { sum, entry in
            let (driver, inquiry) = entry
            _ = inquiry.isDone.wait(timeout: deadline)
            guard let report = inquiry.answer.withLock({ $0 }) else {
                sum.problems.append("\(driver.name) has not answered within \(limit); its devices are left out.")
                return
            }
            sum.devices += report.devices
            sum.drivers.merge(report.drivers) { first, _ in first }
            sum.problems += report.problems
        }
    }

    private final class Inquiry: Sendable {
        let answer = Mutex<ProbeReport?>(nil)
        let isDone = DispatchSemaphore(value: 0)
    }
}
