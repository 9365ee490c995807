/// Linux's names of signals, as kill(1) and signal(7) have them, for the numbers that they have on x86-64 and arm64.
public enum SignalName {
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO",
        "PWR", "SYS",
    ]
    private static let synonyms = ["IOT": 6, "POLL": 29, "CLD": 17]

    /// All names, by number.
    public static var all: [String] { names.map { "SIG" + $0 } }

    /// `SIGSEGV` for 11; nil for real-time signals and for what is none.
    public static func name(of number: Int) -> String? {
        names.indices.contains(number - 1) ? "SIG" + names[number - 1] : nil
    }

    /// 11 for `SIGSEGV`, `SEGV` and `sigsegv`; nil for what names no signal.
    public static func number(of name: some StringProtocol) -> Int? {
        var name = name.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        return synonyms[name] ?? names.firstIndex(of: name).map { $0 + 1 }
    }
}
