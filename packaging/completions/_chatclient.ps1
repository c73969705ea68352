
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'chatclient' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'chatclient'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'chatclient' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Your name in the room; your login name if you give none')
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'Talk only to the server with this key, as its fingerprint')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'The file whose first line is the room''s password, or a code that lets you in')
            [CompletionResult]::new('--identity', '--identity', [CompletionResultType]::ParameterName, 'The file of the key by which your names are known, made if it is not there')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read what is usual from this file, in place of chatroom/chatclient.conf in your configuration folder')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use colours in a terminal: auto (where it has them, and NO_COLOR is not set), always or never')
            [CompletionResult]::new('--bell', '--bell', [CompletionResultType]::ParameterName, 'What rings the terminal''s bell: off, mentions (your name, and private lines) or all (lines)')
            [CompletionResult]::new('--highlight', '--highlight', [CompletionResultType]::ParameterName, 'Words besides your name that stand out and ring, with commas between them')
            [CompletionResult]::new('--wrap', '--wrap', [CompletionResultType]::ParameterName, 'What breaks lines wider than the terminal: words (between words), or terminal (anywhere)')
            [CompletionResult]::new('--joins', '--joins', [CompletionResultType]::ParameterName, 'Whose comings and goings a terminal shows: all, spoken (who said something in the last hour) or none')
            [CompletionResult]::new('--time', '--time', [CompletionResultType]::ParameterName, 'How a terminal shows times: none, or as strftime has it')
            [CompletionResult]::new('--log-file', '--log-file', [CompletionResultType]::ParameterName, 'Append the log to this file; at 10 MB it becomes FILE.1, of which one is kept')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'How much to log: off, error, warn, info, debug or trace')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Never talk unencrypted, not even on this machine')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Never talk encrypted')
            [CompletionResult]::new('--no-identity', '--no-identity', [CompletionResultType]::ParameterName, 'Use no key, so that no name is yours, even where one is named')
            [CompletionResult]::new('--no-config', '--no-config', [CompletionResultType]::ParameterName, 'Read no configuration file, even where one is named')
            [CompletionResult]::new('--print-config', '--print-config', [CompletionResultType]::ParameterName, 'Print a configuration file with all that can stand in it, commented out, and end')
            [CompletionResult]::new('--find', '--find', [CompletionResultType]::ParameterName, 'List the rooms that are announced on this network, with the command that joins each, and end')
            [CompletionResult]::new('--forget', '--forget', [CompletionResultType]::ParameterName, 'Forget the server at this address, and end')
            [CompletionResult]::new('--known', '--known', [CompletionResultType]::ParameterName, 'List the servers that are known, and end')
            [CompletionResult]::new('--notify', '--notify', [CompletionResultType]::ParameterName, 'While its window is not in focus, a terminal notifies you of mentions, and its title counts lines')
            [CompletionResult]::new('--no-notify', '--no-notify', [CompletionResultType]::ParameterName, 'Do not, where the configuration file says --notify')
            [CompletionResult]::new('--no-history', '--no-history', [CompletionResultType]::ParameterName, 'Neither read nor keep what you send across runs, nor which servers you join')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'Do, where the configuration file says --no-history')
            [CompletionResult]::new('--reconnect', '--reconnect', [CompletionResultType]::ParameterName, 'Come back when the connection is lost, and miss and lose nothing; a terminal does so anyway')
            [CompletionResult]::new('--no-reconnect', '--no-reconnect', [CompletionResultType]::ParameterName, 'End when the connection is lost, with status 1; without a terminal that is so anyway')
            [CompletionResult]::new('--commands', '--commands', [CompletionResultType]::ParameterName, 'In a pipe, take input lines that begin with / for commands; without it they are text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'In a pipe, print only what is said: no banner, no earlier lines, no notices')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'In a pipe, print only what is said: no banner, no earlier lines, no notices')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Read no input, and print what is said until the connection ends')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'For programs: print each event as a JSON object, and take objects such as {"say": "hello"} for input')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
