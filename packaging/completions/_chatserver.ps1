
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'chatserver' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'chatserver'
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
        'chatserver' {
            [CompletionResult]::new('--announce', '--announce', [CompletionResultType]::ParameterName, 'Announce the room on this network, so that chatclient --find finds it: as NAME, or the machine''s name')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Let in only who gives the password in the first line of FILE, which SIGHUP has read again')
            [CompletionResult]::new('--invite', '--invite', [CompletionResultType]::ParameterName, 'Whoever may invite: owners of names, or operators alone; owners, or what a shared room has, if none is given')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'The most clients at a time, 1 to 100000')
            [CompletionResult]::new('--max-per-address', '--max-per-address', [CompletionResultType]::ParameterName, 'The most clients from one address (of IPv6, from 64 bits of one, but for a LAN''s own), up to 100000; 0 for any')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'A proxy''s address, or several with commas: connections from there begin with a PROXY header')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'The longest line in bytes, 16 to 65536')
            [CompletionResult]::new('--rate-limit', '--rate-limit', [CompletionResultType]::ParameterName, 'How many lines a second are read of a client, after ten times as many at once; 0 for any')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'How many of the last lines a new member is shown, 0 to 1000')
            [CompletionResult]::new('--memory', '--memory', [CompletionResultType]::ParameterName, 'What the room remembers, and how far a slow reader may lag, 1M to 64G: bytes, or with K, M, G')
            [CompletionResult]::new('--stall-timeout', '--stall-timeout', [CompletionResultType]::ParameterName, 'Drop a client that takes nothing for so many seconds, 1 to 86400')
            [CompletionResult]::new('--away-timeout', '--away-timeout', [CompletionResultType]::ParameterName, 'Keep who has lost the connection, and can come back, for so many seconds, 0 to 86400; 60, or what a shared room has, if none is given')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'Where what is said is kept, or none')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'For how long: 12h, 90d, 2y or forever')
            [CompletionResult]::new('--keep-size', '--keep-size', [CompletionResultType]::ParameterName, 'How large the history may become; the oldest goes first')
            [CompletionResult]::new('--durability', '--durability', [CompletionResultType]::ParameterName, 'What a line survives once it was sent: crash or power')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Encryption: optional, required (plain clients are turned away) or off')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The server''s key, made if it is not there')
            [CompletionResult]::new('--tls-cert', '--tls-cert', [CompletionResultType]::ParameterName, 'A certificate chain to use instead of the key, PEM')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'Its private key, PEM')
            [CompletionResult]::new('--operator', '--operator', [CompletionResultType]::ParameterName, 'Whose owner is an operator; may be repeated, and have several names with commas')
            [CompletionResult]::new('--keep-names', '--keep-names', [CompletionResultType]::ParameterName, 'For how long a name stays one''s own after the last visit: 12h, 90d, 2y or forever; 90d, or what a shared room has, if none is given')
            [CompletionResult]::new('--shared', '--shared', [CompletionResultType]::ParameterName, 'Be one of several servers of a room that is kept in Redis or Valkey')
            [CompletionResult]::new('--shared-password-file', '--shared-password-file', [CompletionResultType]::ParameterName, 'The first line of FILE is the password for it')
            [CompletionResult]::new('--shared-ca', '--shared-ca', [CompletionResultType]::ParameterName, 'Trust this certificate authority there (rediss://)')
            [CompletionResult]::new('--on-event', '--on-event', [CompletionResultType]::ParameterName, 'Run COMMAND by the shell: it reads what happens as JSON lines, and what it prints is said')
            [CompletionResult]::new('--on-event-name', '--on-event-name', [CompletionResultType]::ParameterName, 'The name under which that is in the room')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Write the public conversation to FILE and end: text, or JSON lines for .jsonl or .json')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Export only from then on, as 2026-11-28 or 2026-11-28T14:05')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'How much to log: off, error, warn, info, debug or trace')
            [CompletionResult]::new('--log-file', '--log-file', [CompletionResultType]::ParameterName, 'Append the log to this file, too')
            [CompletionResult]::new('--invited', '--invited', [CompletionResultType]::ParameterName, 'Let in only whom somebody has invited, by a code of /invite or by /allow')
            [CompletionResult]::new('--fingerprint', '--fingerprint', [CompletionResultType]::ParameterName, 'Print the key''s fingerprint and end; makes the key if there is none')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is said, too, whatever else is logged; private lines never are')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is said, too, whatever else is logged; private lines never are')
            [CompletionResult]::new('--health-check', '--health-check', [CompletionResultType]::ParameterName, 'Ask the server that runs there whether it answers, and end: 0 if it does, 1 if not')
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
