complete -c chatclient -l name -d 'Your name in the room; your login name if you give none' -r
complete -c chatclient -l fingerprint -d 'Talk only to the server with this key, as its fingerprint' -r
complete -c chatclient -l password-file -d 'The file whose first line is the room\'s password, or a code that lets you in' -r -F
complete -c chatclient -l identity -d 'The file of the key by which your names are known, made if it is not there' -r -F
complete -c chatclient -l config -d 'Read what is usual from this file, in place of chatroom/chatclient.conf in your configuration folder' -r -F
complete -c chatclient -l color -d 'Use colours in a terminal: auto (where it has them, and NO_COLOR is not set), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c chatclient -l bell -d 'What rings the terminal\'s bell: off, mentions (your name, and private lines) or all (lines)' -r -f -a "off\t''
mentions\t''
all\t''"
complete -c chatclient -l highlight -d 'Words besides your name that stand out and ring, with commas between them' -r
complete -c chatclient -l wrap -d 'What breaks lines wider than the terminal: words (between words), or terminal (anywhere)' -r -f -a "words\t''
terminal\t''"
complete -c chatclient -l joins -d 'Whose comings and goings a terminal shows: all, spoken (who said something in the last hour) or none' -r -f -a "all\t''
spoken\t''
none\t''"
complete -c chatclient -l time -d 'How a terminal shows times: none, or as strftime has it' -r
complete -c chatclient -l log-file -d 'Append the log to this file; at 10 MB it becomes FILE.1, of which one is kept' -r -F
complete -c chatclient -l log-level -d 'How much to log: off, error, warn, info, debug or trace' -r -f -a "off\t''
error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c chatclient -l tls -d 'Never talk unencrypted, not even on this machine'
complete -c chatclient -l plain -d 'Never talk encrypted'
complete -c chatclient -l no-identity -d 'Use no key, so that no name is yours, even where one is named'
complete -c chatclient -l no-config -d 'Read no configuration file, even where one is named'
complete -c chatclient -l print-config -d 'Print a configuration file with all that can stand in it, commented out, and end'
complete -c chatclient -l find -d 'List the rooms that are announced on this network, with the command that joins each, and end'
complete -c chatclient -l forget -d 'Forget the server at this address, and end'
complete -c chatclient -l known -d 'List the servers that are known, and end'
complete -c chatclient -l notify -d 'While its window is not in focus, a terminal notifies you of mentions, and its title counts lines'
complete -c chatclient -l no-notify -d 'Do not, where the configuration file says --notify'
complete -c chatclient -l no-history -d 'Neither read nor keep what you send across runs, nor which servers you join'
complete -c chatclient -l history -d 'Do, where the configuration file says --no-history'
complete -c chatclient -l reconnect -d 'Come back when the connection is lost, and miss and lose nothing; a terminal does so anyway'
complete -c chatclient -l no-reconnect -d 'End when the connection is lost, with status 1; without a terminal that is so anyway'
complete -c chatclient -l commands -d 'In a pipe, take input lines that begin with / for commands; without it they are text'
complete -c chatclient -s q -l quiet -d 'In a pipe, print only what is said: no banner, no earlier lines, no notices'
complete -c chatclient -l listen -d 'Read no input, and print what is said until the connection ends'
complete -c chatclient -l json -d 'For programs: print each event as a JSON object, and take objects such as {"say": "hello"} for input'
complete -c chatclient -s h -l help -d 'Print help (see more with \'--help\')'
complete -c chatclient -s V -l version -d 'Print version'
complete -c chatclient -f -a '(set -q XDG_STATE_HOME; or set -l XDG_STATE_HOME ~/.local/state; cat $XDG_STATE_HOME/chatroom/servers 2>/dev/null)' -d 'joined before'
