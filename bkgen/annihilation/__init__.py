"""Cross sections sigma(s) [GeV^-2] of dark-matter annihilation and of ALP production, for the relic density.

All functions take s [GeV^2], a number or an array of any shape, and return sigma at each s: averaged over the spins and
colours of the two initial particles, summed over those of the final ones, with 1/2 for two identical final particles;
0 at and below the threshold of the initial or final state.  The initial state is one pair: sigma(X Xbar) is for one X
and one Xbar, sigma(S S) for two identical particles, neither with further factors; rates per volume and their
symmetry factors belong to the Boltzmann equation.

v is the relative velocity in the centre-of-mass frame, v = 2 beta for equal masses, so that sigma v = a + b v^2 + ...
is (1/s) int sum |M|^2 dPhi_2 and s = 4 m^2/(1 - v^2/4); see `two_to_two`.  With a Maxwell distribution
<v^2> = 6 T/m.

    two_to_two      phase space, flux, sigma v and its expansion
    higgs_exchange  dark pairs into Standard Model particles or other dark pairs through H1 and H2; the singlet scalar
    dark_higgs      X Xbar, S S, chi chibar -> H1 H1; X Xbar -> Z'Z', Z'H1, nu nubar, l+ l-; X X -> Xbar H1, Xbar Z'
    fermions        f fbar into two scalars, Dirac or Majorana
    scalar_dm       phi phi into s bbar and b sbar through contact operators
    alp             b -> s a, b bbar -> a g, b g -> b a and the same with photons
    dark_photon     psi psi -> phi phi
"""
