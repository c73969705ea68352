complete -c chatserver -l announce -d 'Announce the room on this network, so that chatclient --find finds it: as NAME, or the machine\'s name' -r
complete -c chatserver -l password-file -d 'Let in only who gives the password in the first line of FILE, which SIGHUP has read again' -r -F
complete -c chatserver -l invite -d 'Whoever may invite: owners of names, or operators alone; owners, or what a shared room has, if none is given' -r -f -a "owners\t''
operators\t''"
complete -c chatserver -l max-clients -d 'The most clients at a time, 1 to 100000' -r
complete -c chatserver -l max-per-address -d 'The most clients from one address (of IPv6, from 64 bits of one, but for a LAN\'s own), up to 100000; 0 for any' -r
complete -c chatserver -l proxy -d 'A proxy\'s address, or several with commas: connections from there begin with a PROXY header' -r
complete -c chatserver -l max-line -d 'The longest line in bytes, 16 to 65536' -r
complete -c chatserver -l rate-limit -d 'How many lines a second are read of a client, after ten times as many at once; 0 for any' -r
complete -c chatserver -l replay -d 'How many of the last lines a new member is shown, 0 to 1000' -r
complete -c chatserver -l memory -d 'What the room remembers, and how far a slow reader may lag, 1M to 64G: bytes, or with K, M, G' -r
complete -c chatserver -l stall-timeout -d 'Drop a client that takes nothing for so many seconds, 1 to 86400' -r
complete -c chatserver -l away-timeout -d 'Keep who has lost the connection, and can come back, for so many seconds, 0 to 86400; 60, or what a shared room has, if none is given' -r
complete -c chatserver -l history -d 'Where what is said is kept, or none' -r -F
complete -c chatserver -l keep -d 'For how long: 12h, 90d, 2y or forever' -r
complete -c chatserver -l keep-size -d 'How large the history may become; the oldest goes first' -r
complete -c chatserver -l durability -d 'What a line survives once it was sent: crash or power' -r -f -a "crash\t'The end of the server, however sudden'
power\t'The end of the machine, too'"
complete -c chatserver -l tls -d 'Encryption: optional, required (plain clients are turned away) or off' -r -f -a "optional\t''
required\t''
off\t''"
complete -c chatserver -l key -d 'The server\'s key, made if it is not there' -r -F
complete -c chatserver -l tls-cert -d 'A certificate chain to use instead of the key, PEM' -r -F
complete -c chatserver -l tls-key -d 'Its private key, PEM' -r -F
complete -c chatserver -l operator -d 'Whose owner is an operator; may be repeated, and have several names with commas' -r
complete -c chatserver -l keep-names -d 'For how long a name stays one\'s own after the last visit: 12h, 90d, 2y or forever; 90d, or what a shared room has, if none is given' -r
complete -c chatserver -l shared -d 'Be one of several servers of a room that is kept in Redis or Valkey' -r -f
complete -c chatserver -l shared-password-file -d 'The first line of FILE is the password for it' -r -F
complete -c chatserver -l shared-ca -d 'Trust this certificate authority there (rediss://)' -r -F
complete -c chatserver -l on-event -d 'Run COMMAND by the shell: it reads what happens as JSON lines, and what it prints is said' -r
complete -c chatserver -l on-event-name -d 'The name under which that is in the room' -r
complete -c chatserver -l export -d 'Write the public conversation to FILE and end: text, or JSON lines for .jsonl or .json' -r -F
complete -c chatserver -l since -d 'Export only from then on, as 2026-11-28 or 2026-11-28T14:05' -r
complete -c chatserver -l log-level -d 'How much to log: off, error, warn, info, debug or trace' -r -f -a "off\t''
error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c chatserver -l log-file -d 'Append the log to this file, too' -r -F
complete -c chatserver -l invited -d 'Let in only whom somebody has invited, by a code of /invite or by /allow'
complete -c chatserver -l fingerprint -d 'Print the key\'s fingerprint and end; makes the key if there is none'
complete -c chatserver -s v -l verbose -d 'Log what is said, too, whatever else is logged; private lines never are'
complete -c chatserver -l health-check -d 'Ask the server that runs there whether it answers, and end: 0 if it does, 1 if not'
complete -c chatserver -s h -l help -d 'Print help (see more with \'--help\')'
complete -c chatserver -s V -l version -d 'Print version'
