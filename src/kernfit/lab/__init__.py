"""The lab: a page on this machine to slide, find edges, learn and see. Needs the extra ``lab``."""
