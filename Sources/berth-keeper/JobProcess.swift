import BerthKeeping
import CLinux
import Glibc

/// Starting the job's own process.
enum JobProcess {
    /// - Returns: its number; it leads a session and a process group of its own.
    /// - Throws: a sentence that names the path at fault.
    static func start(_ order: LaunchOrder) throws -> pid_t {
        var status = stat()
        guard stat(order.workingDirectory, &status) == 0, access(order.workingDirectory, X_OK) == 0 else {
            throw LaunchProblem("The working directory \(order.workingDirectory) cannot be entered", errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw LaunchProblem("The working directory \(order.workingDirectory) cannot be entered", ENOTDIR)
        }
        let program = try located(order)
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = try log(order.standardOutput)
        let error = order.standardError == order.standardOutput ? output : try log(order.standardError)
        defer { for descriptor in Set([input, output, error]) { close(descriptor) } }

        var pid: pid_t = 0
        let code = withCStrings(order.arguments) { arguments in
            withCStrings(order.environment) { environment in
                berth_spawn(&pid, program, order.workingDirectory, arguments, environment, input, output, error)
            }
        }
        guard code == 0 else { throw LaunchProblem("\(program) cannot be run", code) }
        return pid
    }

    /// The program's path: as it is if it has a `/`, else the first executable of that name in the job's `PATH`.
    private static func located(_ order: LaunchOrder) throws -> String {
        let name = order.arguments[0]
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            let path = name.hasPrefix("/") ? name : order.workingDirectory + "/" + name
            guard access(path, X_OK) == 0 else { throw LaunchProblem("\(path) cannot be run", errno) }
            return path
        }
        let path = order.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/local/bin:/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = directory + "/" + name
            var status = stat()
            if access(String(candidate), X_OK) == 0, stat(String(candidate), &status) == 0,
                status.st_mode & S_IFMT == S_IFREG
            {
                return String(candidate)
            }
        }
        throw LaunchProblem("There is no program \"\(name)\" in the job's PATH (\(path))", 0)
    }

    private static func log(_ path: String) throws -> Int32 {
        var parent = ""
        for part in path.split(separator: "/").dropLast() {
            parent += "/" + part
            mkdir(parent, 0o755)
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw LaunchProblem("The output file \(path) cannot be written", errno) }
        return descriptor
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = texts.map { (text: String) in strdup(text) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}

/// Why no process came to be.
struct LaunchProblem: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String, _ code: Int32) {
        description = code == 0 ? sentence + "." : "\(sentence): \(errorText(code))."
    }
}
