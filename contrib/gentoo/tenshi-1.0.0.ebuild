# Copyright 2026 The tenshi authors
# Distributed under the terms of the ISC licence

# app-admin/tenshi for an overlay of your own. The source archive of a release and the archive of its crates go
# into the directory of distfiles; `ebuild tenshi-1.0.0.ebuild manifest` notes their sums.

EAPI=8

CRATES=" "
RUST_MIN_VER="1.89.0"

inherit cargo systemd

DESCRIPTION="Log monitor that mails counted and masked reports"
HOMEPAGE="https://example.org/tenshi"
SRC_URI="
	https://example.org/tenshi/${P}.tar.gz
	https://example.org/tenshi/${P}-crates.tar.xz
"

LICENSE="ISC"
# The licences of the crates that are linked in.
LICENSE+=" Apache-2.0 BSD-2 BSD Boost-1.0 bzip2 CDLA-Permissive-2.0 MIT MPL-2.0 Unicode-3.0 ZLIB"
SLOT="0"
KEYWORDS="~amd64 ~arm64"

RDEPEND="
	acct-group/tenshi
	acct-user/tenshi
"

src_install() {
	local built="$(cargo_target_dir)/tenshi"
	scripts/stage "${built}" "${built}" "${ED}/usr" || die
	# Gentoo has its own places for documents and units.
	rm -r "${ED}"/usr/share/doc "${ED}"/usr/lib || die
	dodoc README.md CHANGELOG.md docs/*.md
	dodoc -r examples
	systemd_dounit debian/tenshi.service
	insinto /etc/tenshi
	doins etc/tenshi.conf
	keepdir /etc/tenshi/includes-active
}

pkg_postinst() {
	elog "For OpenRC, ${EROOT}/usr/share/doc/${PF}/openrc.md has the script."
	elog "The account tenshi has to be in the group that may read your logs."
}
