import BerthDescription
import Testing

struct ScriptOptionsTests {
    private func words(_ script: String) throws -> [String] { try ScriptOptions.words(in: script, file: "train.sh") }

    @Test func `the lines at a script's head are options, up to the first that is no comment`() throws {
        let script = """
            #!/bin/sh
            #BERTH --cpus 4 --memory 8GiB
            # A remark, and an empty line.

              #BERTH\t--name train   # the end of the line is a remark
            #SBATCH --ntasks 99
            #BERTHOLD --cpus 98
            #BERTH
            echo start
            #BERTH --cpus 97
            """
        #expect(try words(script) == ["--cpus", "4", "--memory", "8GiB", "--name", "train"])
    }

    @Test func `a script with the line ends of Windows has the same options`() throws {
        #expect(
            try words("#!/bin/sh\r\n#BERTH --cpus 4\r\n#BERTH --hold\r\necho\r\n#BERTH --nodes 9\r\n") == [
                "--cpus", "4", "--hold",
            ])
    }

    @Test(
        arguments: [
            (#"--label "a b" --label 'c d'"#, ["--label", "a b", "--label", "c d"]),
            (#"--env A="x y"z"#, ["--env", "A=x yz"]),
            (#"--constraint "node.label.zone == 'b'""#, ["--constraint", "node.label.zone == 'b'"]),
            (#"a\ b \"c"#, ["a b", "\"c"]),
            (#"'it'\''s'"#, ["it's"]), (#"'\'"#, [#"\"#]), (#""" ''"#, ["", ""]), ("a#b #c d", ["a#b"]), ("   ", []),
        ] as [(String, [String])])
    func `quotes and backslashes are read as a shell reads them`(line: String, expected: [String]) throws {
        #expect(try words("#BERTH " + line + "\n") == expected)
    }

    @Test(arguments: [#"--name "a"#, "--name 'a", #"--name a\"#])
    func `a quote that is not closed is refused with its line`(line: String) {
        let error = #expect(throws: DescriptionError.self) { _ = try words("#!/bin/sh\n#BERTH \(line)\n") }
        #expect(error?.description == "train.sh:2: a quote is not closed.")
    }

    @Test(arguments: ["", "\n", "#!/bin/sh", "echo\n#BERTH --cpus 4", "#BERTH"])
    func `a script without options has none`(script: String) throws {
        #expect(try words(script) == [])
    }
}
