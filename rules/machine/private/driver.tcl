# Leads the console of a machine through a dialogue.
#
#     tclsh driver.tcl SECONDS DIALOGUE OUTPUTS COMMAND ARGUMENT...
#
# COMMAND is the machine: its standard input and output are the console. The
# exit code is 0 when every step of the file DIALOGUE came true within SECONDS.
# Standard output is what the console showed, with the steps marked; its last
# line says how it ended. Files that are fetched go to the directory OUTPUTS.
# Commands beside the machine run in the working directory.
#
# A step is a line: the name of a proc step_NAME below and its arguments, with
# tabs between them and \t, \n, \r and \\ for those characters; the first argument
# says in the log which step it is. Patterns are Tcl's advanced regular
# expressions; ^ and $ match at lines. The texts of a dialogue are data: Tcl
# evaluates nothing of them.

# The machine: argv, the channel of its console, what it showed that no step has
# looked at yet, a line or control sequence that is not complete, and how it
# ended, empty as long as it runs.
array set machine {argv {} channel {} unread {} rest {} end {}}

# What the last pattern that was found and its groups matched, and what the console
# showed before it.
array set match {groups {} before {}}

# The command that runs in the machine: where to look for its end, its output and
# exit status.
array set run {looked 0 output {} status 0}

# The command that runs beside the machine.
array set host {channel {} output {} end {}}

# Counts what happened, so that one can wait for something to happen.
set news 0

# The test: its steps, which of them is done now, when it began and when it has
# to be over, both in ms, and the directory for files that are fetched.
array set test {steps {} number 0 begin 0 over 0 outputs {}}

# ---- the log ----

proc log {text} {
    puts -nonewline stdout $text
    flush stdout
}

# Writes a line of our own, on a line of its own.
proc mark {text} {
    global column
    if {$column} {log \n}
    log "==> $text\n"
    set column 0
}
set column 0

# Whether what comes is of no use in a log.
set muted 0

# Writes what a machine or a command said.
proc show {text} {
    global column muted
    if {$text eq "" || $muted} return
    log $text
    set column [expr {[string index $text end] ne "\n"}]
}

proc seconds_since {begin} {
    format %.1f [expr {([clock milliseconds] - $begin) / 1000.0}]
}

# ---- failures ----

# Ends the dialogue. The message is the last line of the log.
proc fail {message} {
    return -code error -errorcode DIALOGUE $message
}

# Text for messages: one line, not too long.
proc brief {text} {
    set text [string map [list \n \\n \t \\t] $text]
    if {[string length $text] > 120} {set text [string range $text 0 116]...}
    return $text
}

# ---- the machine ----

proc start_machine {} {
    global machine
    set machine(unread) ""
    set machine(rest) ""
    set machine(end) ""
    set machine(channel) [start $machine(argv) r+]
    chan event $machine(channel) readable hear_machine
}

# Starts a program with its input and output on a channel. Tcl would take some
# words for redirections, wherever they come from.
proc start {argv mode args} {
    foreach word $argv {
        if {[regexp {^([<>|&]|2>)} $word]} {fail "an argument of a command starts with a redirection: [brief $word]"}
    }
    if {[catch {open |[list {*}$argv {*}$args 2>@1] $mode} channel]} {
        fail "cannot start [lindex $argv 0]: $channel"
    }
    chan configure $channel -blocking 0 -translation binary -buffering none
    return $channel
}

proc hear_machine {} {
    global machine news
    take [chan read $machine(channel)]
    if {[chan eof $machine(channel)]} {set machine(end) [finish $machine(channel)]}
    incr news
}

# Takes what came from the console: without carriage returns, and without the
# sequences that move cursors (ECMA-48, 5.4) of which one may not be complete.
proc take {bytes} {
    global machine
    append machine(rest) $bytes
    set text $machine(rest)
    set machine(rest) ""
    if {[regexp -indices {\x1b(\[[0-?]*[ -/]*)?$} $text cut]} {
        set machine(rest) [string range $text [lindex $cut 0] end]
        set text [string range $text 0 [lindex $cut 0]-1]
    }
    regsub -all {\x1b\[[0-?]*[ -/]*[@-~]|\r} $text {} text
    append machine(unread) $text
    show $text
}

# Closes a channel whose program has closed its end, and says how the program
# ended: "exit code 0", "signal SIGKILL".
proc finish {channel} {
    chan configure $channel -blocking 1
    if {![catch {close $channel} message options]} {return "exit code 0"}
    lassign [dict get $options -errorcode] kind pid detail
    switch $kind {
        CHILDSTATUS {return "exit code $detail"}
        CHILDKILLED {return "signal $detail"}
    }
    return $message
}

# Ends a program that need not be asked. There is no kill in Tcl.
proc kill {channel} {
    catch {exec sh -c {kill -9 "$@"} sh {*}[pid $channel]}
    finish $channel
}

# Types at the console.
proc type {text} {
    global machine
    if {$machine(end) ne ""} {fail "the machine has ended ($machine(end)): nobody reads [brief $text]"}
    # A machine that ends just now makes the write fail; waiting tells it.
    catch {puts -nonewline $machine(channel) $text}
}

# ---- waiting ----

# Waits until the command prefix `found` says 1. `what` is what is waited for, as
# a part of a sentence; 0 seconds are all that the test has left.
proc await {found seconds what} {
    global machine test
    set begin [clock milliseconds]
    set over $test(over)
    if {$seconds && $begin + 1000 * $seconds < $over} {set over [expr {$begin + 1000 * $seconds}]}
    while {![{*}$found]} {
        look_for_panic
        if {$machine(end) ne "" && $found ni {machine_ended host_ended}} {
            fail "the machine ended ($machine(end)) after [seconds_since $begin] s of waiting for $what"
        }
        if {[clock milliseconds] >= $over} {
            set limit [expr {$over == $test(over) ? "the time limit of the test is reached" : "the time limit of the step is reached"}]
            fail "waited [seconds_since $begin] s for $what: $limit"
        }
        wait_for_news $over
    }
}

# Lets things happen until something has happened or it is too late.
proc wait_for_news {over} {
    set timer [after [expr {max(0, $over - [clock milliseconds])}] {incr news}]
    vwait news
    after cancel $timer
}

proc pause {ms} {
    global over_pause
    after $ms {set over_pause 1}
    vwait over_pause
}

# A kernel that panics has nothing more to say.
proc look_for_panic {} {
    global machine
    set at [string first "Kernel panic - not syncing: " $machine(unread)]
    if {$at < 0} return
    set eol [string first \n $machine(unread) $at]
    if {$eol >= 0 || [machine_ended]} {
        fail "the kernel panicked: [brief [string range $machine(unread) $at+15 [expr {$eol < 0 ? "end" : $eol - 1}]]]"
    }
}

proc machine_ended {} {
    global machine
    expr {$machine(end) ne ""}
}

# Says whether the console showed something that no step has looked at yet, and
# lets later steps start after it. A message of the kernel can come in the middle
# of anything: when it hides what we wait for, we look past it.
proc shown {pattern} {
    global machine match
    if {![regexp -lineanchor -indices -- $pattern $machine(unread) where]} {
        set quiet [without_kernel $machine(unread)]
        if {![regexp -lineanchor -indices -- $pattern $quiet where]} {return 0}
        set machine(unread) $quiet
    }
    set match(groups) [regexp -lineanchor -inline -- $pattern $machine(unread)]
    set match(before) [string range $machine(unread) 0 [lindex $where 0]-1]
    set machine(unread) [string range $machine(unread) [lindex $where 1]+1 end]
    return 1
}

# The kernel's messages start with the time and are whole lines (PRINTK_TIME).
proc without_kernel {text} {
    regsub -all {\[ *\d+\.\d{6}\] [^\n]*\n} $text {}
}

# Waits for a pattern; returns what it and its groups matched.
proc await_pattern {pattern seconds what} {
    await [list shown $pattern] $seconds $what
    return $::match(groups)
}

# ---- steps ----

# The first line that tells where the root file system is has to be this one.
proc step_root {want} {
    set got [lindex [await_pattern {VFS: Mounted root \([^\n]*|Run /[^\n]* as init process} 0 "a root file system"] 0]
    if {$got ne $want} {fail "the root file system is another one: got \"[brief $got]\", want \"$want\""}
}

proc step_expect {pattern seconds} {
    await_pattern $pattern $seconds "\"[brief $pattern]\""
}

proc step_send {line} {
    type $line\r
}

# Programs that ask for a password throw away what was typed before they asked,
# and ask a moment before they do so.
proc step_password {line} {
    pause 500
    type $line\r
}

proc step_login {user password prompt} {
    await_pattern {login: } 0 "\"login: \""
    type $user\r
    # Without a password the shell comes at once.
    set asked [lindex [await_pattern "Password: |$prompt" 0 "\"Password: \" or a prompt"] 0]
    if {![string match "Password:*" $asked]} return
    step_password $password
    set answer [lindex [await_pattern "incorrect|$prompt" 0 "the prompt of a shell"] 0]
    if {$answer eq "incorrect"} {fail "$user: the machine says that the login is incorrect"}
}

proc step_refused {user password} {
    await_pattern {login: } 0 "\"login: \""
    type $user\r
    await_pattern {Password: } 0 "\"Password: \""
    step_password $password
    await_pattern {incorrect} 0 "a refusal"
}

proc step_run {command pattern status seconds} {
    lassign [run $command $seconds] got output
    check_result $got $output $status $pattern
}

# Runs a command in the shell on the console; returns its exit status and what it
# printed. The lines around it are printed in parts, so that the echo of what we
# type is not taken for them.
proc run {command seconds} {
    global test run
    set n $test(number)
    set quoted '[string map {' '\\''} $command]'
    type "printf '\\n<%s $n>\\n' begin; eval $quoted; printf '\\n<%s $n %s>\\n' end \$?\r"
    await_pattern "<begin $n>\n" $seconds "the shell to start the command"
    set run(looked) 0
    await [list run_ended $n] $seconds "the command to end"
    return [list $run(status) [without_kernel $run(output)]]
}

# Looks for the line after the output, in what came since we last looked: files
# that are fetched are long.
proc run_ended {n} {
    global machine run
    set before [string range $machine(unread) 0 $run(looked)-1]
    set tail [string range $machine(unread) $run(looked) end]
    foreach text [list $tail [without_kernel $tail]] {
        if {[regexp -indices "\n<end $n (\\d+)>\n" $text line status]} {
            set run(output) $before[string range $text 0 [lindex $line 0]-1]
            set run(status) [string range $text {*}$status]
            set machine(unread) [string range $text [lindex $line 1]+1 end]
            return 1
        }
    }
    # A message of the kernel fits in what is looked at again.
    set run(looked) [expr {max($run(looked), [string length $machine(unread)] - 2000)}]
    return 0
}

proc check_result {got output status pattern} {
    if {$got != $status} {fail "got exit status $got, want $status"}
    if {$pattern ne "" && ![regexp -lineanchor -- $pattern $output]} {
        fail "got \"[brief [string trim $output]]\", want something that matches \"[brief $pattern]\""
    }
}

# U-Boot's shell has no printf. What it echoes of our line has no digits there.
proc step_uboot {command pattern status} {
    type "$command; echo =\$?=\r"
    set text [lindex [await_pattern {^=\d+=\n=> } 0 "the command to end"] 0]
    check_result [regexp -inline {\d+} $text] $::match(before) $status $pattern
}

# base64 goes over any console; the checksum tells when something came between.
proc step_fetch {path name} {
    global test muted
    set quoted '[string map {' '\\''} $path]'
    set muted 1
    lassign [run "cksum <$quoted && base64 <$quoted" 0] status text
    set muted 0
    if {$status != 0} {fail "$path: cannot be read: [brief [string trim $text]]"}
    set lines [split [string trim $text] \n]
    set content [binary decode base64 [join [lrange $lines 1 end] ""]]
    set file [open $test(outputs)/$name wb]
    puts -nonewline $file $content
    close $file
    mark "[string length $content] bytes"
    set want [lrange [lindex $lines 0] 0 1]
    set got [lrange [exec cksum <$test(outputs)/$name] 0 1]
    if {$got ne $want} {fail "$path: damaged on its way over the console: got checksum and size \"$got\", want \"$want\""}
}

# A command beside the machine. It is tried again for `until` seconds.
proc step_host {title command pattern status until} {
    set give_up [expr {[clock milliseconds] + 1000 * $until}]
    while {1} {
        run_host $command
        if {![catch {check_host $pattern $status} message options]} return
        if {[machine_ended]} {fail "the machine ended ($::machine(end)): $message"}
        if {[clock milliseconds] >= $give_up} {return -options $options $message}
        mark "again: $message"
        pause 500
    }
}

proc run_host {command} {
    global host
    set script [open command.sh w]
    chan configure $script -translation binary
    puts $script $command
    close $script
    set host(output) ""
    set host(end) ""
    set host(channel) [start [list sh -eu command.sh] r </dev/null]
    chan event $host(channel) readable hear_host
    await host_ended 0 "the command to end"
}

proc hear_host {} {
    global host news
    set text [chan read $host(channel)]
    append host(output) $text
    show $text
    if {[chan eof $host(channel)]} {set host(end) [finish $host(channel)]}
    incr news
}

proc host_ended {} {
    global host
    expr {$host(end) ne ""}
}

proc check_host {pattern status} {
    global host
    if {![regexp {^exit code (\d+)$} $host(end) -> got]} {fail "the command ended with $host(end)"}
    check_result $got $host(output) $status $pattern
}

proc step_end {} {
    await machine_ended 0 "the machine to end"
    if {$::machine(end) ne "exit code 0"} {fail "the machine ended with $::machine(end)"}
}

proc step_restart {} {
    step_end
    start_machine
}

# ---- the test ----

proc read_steps {path} {
    set file [open $path rb]
    set lines [split [string trimright [read $file] \n] \n]
    close $file
    set steps {}
    foreach line $lines {
        set words {}
        foreach word [split $line \t] {lappend words [string map {\\\\ \\ \\t \t \\n \n \\r \r} $word]}
        if {[info procs step_[lindex $words 0]] eq ""} {error "$path: no step \"[lindex $words 0]\""}
        lappend steps $words
    }
    return $steps
}

# A pattern that is none is found before a machine is started.
proc check_patterns {steps} {
    set n 0
    foreach step $steps {
        incr n
        set name [lindex $step 0]
        foreach parameter [info args step_$name] word [lrange $step 1 end] {
            if {$parameter in {pattern prompt} && [catch {regexp -- $word ""} message]} {
                return -code error -errorcode DIALOGUE "step $n ($name): \"[brief $word]\": $message"
            }
        }
    }
}

# A step in a few words: its name and its first argument.
proc describe {step} {
    string trimright [brief "[lindex $step 0] [lindex $step 1]"]
}

proc run_steps {} {
    global test
    foreach step $test(steps) {
        incr test(number)
        mark "step $test(number) of [llength $test(steps)], after [seconds_since $test(begin)] s: [describe $step]"
        if {[catch {step_[lindex $step 0] {*}[lrange $step 1 end]} message options]} {
            if {[dict get $options -errorcode] ne "DIALOGUE"} {return -options $options $message}
            fail "step $test(number) of [llength $test(steps)] ([describe $step]): $message"
        }
    }
}

proc main {argv} {
    global machine test host
    chan configure stdout -translation binary
    set machine(argv) [lassign $argv limit dialogue test(outputs)]
    set test(steps) [read_steps $dialogue]
    set test(begin) [clock milliseconds]
    set test(over) [expr {$test(begin) + 1000 * $limit}]
    set failed [catch {
        check_patterns $test(steps)
        start_machine
        run_steps
    } message options]
    foreach channel [list $machine(channel) $host(channel)] {
        if {$channel in [chan names]} {kill $channel}
    }
    if {!$failed} {
        mark "passed: [llength $test(steps)] steps in [seconds_since $test(begin)] s"
        return 0
    }
    if {[dict get $options -errorcode] ne "DIALOGUE"} {return -options $options $message}
    mark "failed after [seconds_since $test(begin)] s: $message"
    return 1
}

exit [main $argv]
