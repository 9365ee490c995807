import BerthKeeping
import CLinux
import Glibc

/// The three standard streams that a job gets.
struct JobStreams {
    let input: Int32
    let output: Int32
    let error: Int32

    /// Opens them with the rights that the order names.
    ///
    /// - Throws: a sentence that names the file at fault.
    init(_ order: LaunchOrder) throws {
        let privateOutput =
            order.isOutputPrivate ? try Output.open(order.standardOutput, isPrivate: true, for: order.user) : nil
        let privateError =
            order.isErrorPrivate ? try Output.open(order.standardError, isPrivate: true, for: order.user) : nil
        (output, error) = try asUser(order.user) {
            let output = try privateOutput ?? Output.open(order.standardOutput)
            let isSame = order.standardError == order.standardOutput
            return (output, try privateError ?? (isSame ? output : Output.open(order.standardError)))
        }
        input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    func close() { for descriptor in Set([input, output, error]) { Glibc.close(descriptor) } }
}

/// Does something with the rights over files that the job will have.
func asUser<Result>(_ user: LaunchOrder.User?, _ body: () throws -> Result) throws -> Result {
    guard let user else { return try body() }
    guard berth_impersonate(user.id, user.group, user.groups, user.groups.count) == 0 else {
        throw LaunchProblem("User \(user.id) cannot be become", errno)
    }
    let result = Swift.Result { try body() }
    guard berth_be_oneself() == 0 else { throw LaunchProblem("The keeper's own user cannot be had back", errno) }
    return try result.get()
}

/// The files that take the job's standard output and error.
private enum Output {
    /// - Parameters:
    ///   - isPrivate: whether Berth has chosen it, and not the job.
    ///   - user: gets the file, where it is opened with other rights than this user's.
    static func open(_ path: String, isPrivate: Bool = false, for user: LaunchOrder.User? = nil) throws -> Int32 {
        var descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        if descriptor < 0, errno == ENOENT {
            makeParents(of: path)
            descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        }
        guard descriptor >= 0 else {
            // A file of Berth's own is no matter of the job's.
            let code = errno
            throw LaunchProblem(
                "The output file \(path) cannot be written", code, fault: isPrivate ? .node : .of(code))
        }
        if let user, fchown(descriptor, user.id, user.group) != 0 {
            throw LaunchProblem("The output file \(path) cannot be given to user \(user.id)", errno)
        }
        return descriptor
    }

    private static func makeParents(of path: String) {
        var parent = ""
        for part in path.split(separator: "/").dropLast() {
            parent += "/" + part
            mkdir(parent, 0o755)
        }
    }
}
