//! Releases whose lists lack platforms, call by call: no alias is moved to them.

use super::transcripts::check;

#[test]
fn release_that_lacks_a_platform_is_passed_over() {
    check(
        "latest",
        "
        # the alias stays on the lower release
            1.0.0=a: 1.0.0=a 2.0.0=partial latest=a
            scan; read 2.0.0 => latest unchanged 1.0.0: 2.0.0 is passed over: its manifest list lacks linux/amd64
        # the alias moves to the lower release
            1.1.0=b: 1.0.0=a 1.1.0=b 2.0.0=partial latest=a
            scan; read 2.0.0; put latest=1.1.0; scan => latest moved 1.1.0: 2.0.0 is passed over
        # the alias is made for the lower release
            sweep: 1.0.0=a 2.0.0=partial
            scan; read 2.0.0 latest; read 1.0.0; put latest=1.0.0; scan => latest moved 1.0.0: 2.0.0 is passed over
        # a list of other platforms is passed over, too
            sweep: 1.0.0=a 2.0.0=s390x latest=a
            scan; read 2.0.0 => latest unchanged 1.0.0: lacks linux/amd64
        # a dry run passes it over
            sweep dry-run: 1.0.0=a 0.9.0=b 2.0.0=partial latest=b
            scan; read 2.0.0; read 0.9.0 1.0.0 => latest would_move 1.0.0: 2.0.0 is passed over
        # several are read at once
            sweep: 1.0.0=a 1.1.0=partial1 1.2.0=partial2 1.3.0=partial3 2.0.0=partial4 latest=a whole
            scan; read 2.0.0; read 1.0.0 1.1.0 1.2.0 1.3.0 => latest unchanged 1.0.0: 2.0.0 is passed over
        # but no yanked one
            sweep: 1.0.0=a 1.1.0=b yanked-1.1.0=b 1.2.0=c 2.0.0=partial latest=a whole
            scan; read 2.0.0; read 1.0.0 1.2.0; put latest=1.2.0; scan => latest moved 1.2.0: 2.0.0 is passed over
        # and no archived one
            sweep: 1.0.0=a 1.1.0=archived1 1.2.0=c 2.0.0=partial latest=a whole
            scan; read 2.0.0; read 1.0.0 1.2.0; put latest=1.2.0; scan => latest moved 1.2.0: 2.0.0 is passed over
        # the next one takes the alias once it is complete
            sweep: 1.0.0=a 2.0.0=b latest=a
            scan; read 2.0.0; put latest=2.0.0; scan => latest moved 2.0.0
        ",
    );
}

#[test]
fn alias_of_a_release_that_lacks_a_platform_stays() {
    check(
        "latest",
        "
        # on its list
            sweep: 1.0.0=a 2.0.0=partial latest=partial whole
            scan; read 2.0.0; read 1.0.0 => latest conflict 1.0.0: 2.0.0
        # on an earlier list of it, or of nobody
            sweep: 1.0.0=a 2.0.0=partial latest=b
            scan; read latest; scan after 100 ms; read 2.0.0 => latest conflict 1.0.0: or may
        # on a list that it shares with another version
            sweep: 1.0.0=a 2.0.0=partial latest=b nightly=b
            scan; scan after 100 ms; read 2.0.0 => latest conflict 1.0.0: or may
        # by force, too
            1.0.0=a forced: 1.0.0=a 2.0.0=partial latest=partial whole
            scan; read 2.0.0 => latest conflict 1.0.0: yank
        # until it is yanked
            sweep: 1.0.0=a 2.0.0=partial latest=partial yanked-2.0.0=partial
            scan; read 1.0.0; put latest=1.0.0; scan => latest moved 1.0.0
        # or complete
            sweep: 1.0.0=a 2.0.0=b latest=partial
            scan; read latest; scan after 100 ms; read 2.0.0; put latest=2.0.0; scan => latest moved 2.0.0
        # a lower release that lacks one does not keep it
            sweep: 1.0.0=a 0.9.0=partial latest=partial
            scan; read 1.0.0; put latest=1.0.0; scan => latest moved 1.0.0
        # no release of the line is complete
            sweep: 2.0.0=partial 1.0.0=partial1 latest=b whole
            scan; read latest; scan after 100 ms; read 2.0.0; read 1.0.0 => latest conflict null: 2.0.0 lacks linux/amd64
        # nor is there an alias
            sweep: 2.0.0=partial
            scan; read 2.0.0 latest => latest conflict null: 2.0.0 lacks linux/amd64
        ",
    );
}

#[test]
fn list_that_an_alias_names_is_read_where_platform_tags_are_missing() {
    check(
        "latest",
        "
        # it has all platforms
            sweep: 1.0.0=a latest=a whole
            scan; read 1.0.0 => latest unchanged 1.0.0
        # all platform tags are there
            sweep: 1.0.0=a latest=a
            scan => nothing
        # the caller has the list
            1.0.0=a: 1.0.0=a latest=a whole
            scan => latest unchanged 1.0.0
        ",
    );
}

#[test]
fn marker_follows_a_release_that_lacks_a_platform() {
    check(
        "latest",
        "
        # its list is written under the marker
            sweep: 1.0.0=a latest=a 2.0.0=partial yanked-2.0.0=b
            scan; read 2.0.0 yanked-2.0.0; put yanked-2.0.0=2.0.0; scan => yanked-2.0.0 moved 2.0.0
        ",
    );
}
