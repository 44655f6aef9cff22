# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's training objective: terms in millimetres on the denoised and on the refined depth, and shading.

Each term has a weight in the settings, 0 leaves it out; with the defaults the loss is the published code's:
`dn_l1 + dt_fidelity + 100 dt_shading`.
"""
from __future__ import annotations

from collections.abc import Mapping

from mindspore import nn, ops

from src.config import Settings
from src.ddrnet.shading import shade, solve_light
from src.ddrnet.units import MM, to_metres
from src.geometry.tensors import back_project, normals, pinhole_rays
from src.losses.base import Objective

DENOISING_TERMS = ("dn_l1", "dn_l2", "dn_huber", "dn_normal_dot")
REFINING_TERMS = ("dt_fidelity", "dt_shading", "dt_shading_gradient", "dt_smoothness")


def l1_mm(error_mm, mask):
    """Return sum |error| over the mask, in mm."""
    return (ops.abs(error_mm) * mask).sum()


def l2_mm(error_mm, mask):
    """Return sum error^2 over the mask, in mm^2."""
    return (error_mm * error_mm * mask).sum()


def huber_mm(error_mm, mask, delta_mm: float):
    """Return the sum of Huber's loss divided by delta, in mm.

    That is error^2 / (2 delta) within delta, and |error| - delta / 2 beyond.
    """
    size = ops.abs(error_mm)
    inside = ops.minimum(size, delta_mm)
    return (inside * (size - 0.5 * inside) * mask).sum() / delta_mm


def normal_dot(points_mm, reference_normals, surface):
    """Return sum_i sum_j <P_i - P_j, N_ref,i>^2 in mm^2: neighbours of a point lie in its tangent plane.

    Over pixels i that have a normal and their four neighbours j (Yan et al. 2018, section 4.1).

    Args:
        points_mm: of the prediction, (N, 3, H, W).
        reference_normals: (N, 3, H, W).
        surface: (N, 1, H, W), 1 where the reference has a normal; never on the border.
    """
    normal, here = reference_normals[:, :, 1:-1, 1:-1], points_mm[:, :, 1:-1, 1:-1]
    total = 0.0
    for there in (points_mm[:, :, 1:-1, 2:], points_mm[:, :, 1:-1, :-2],
                  points_mm[:, :, 2:, 1:-1], points_mm[:, :, :-2, 1:-1]):
        off_plane_mm = ((here - there) * normal).sum(axis=1, keepdims=True)
        total = total + (off_plane_mm * off_plane_mm * surface[:, :, 1:-1, 1:-1]).sum()
    return total


def neighbour_differences(values, surface):
    """Return the sum of squared differences of values (N, C, H, W) between neighbours on the surface."""
    right = (values[:, :, :, 1:] - values[:, :, :, :-1]) * surface[:, :, :, 1:] * surface[:, :, :, :-1]
    below = (values[:, :, 1:] - values[:, :, :-1]) * surface[:, :, 1:] * surface[:, :, :-1]
    return (right * right).sum() + (below * below).sum()


def neighbour_pairs(surface):
    """Return the number of pairs that `neighbour_differences` compares."""
    right, below = surface[:, :, :, 1:] * surface[:, :, :, :-1], surface[:, :, 1:] * surface[:, :, :-1]
    return right.sum() + below.sum()


class CascadeObjective(Objective):
    """The cascade's forward pass and loss.

    Args:
        networks: "denoise" and "refine"; without the former the raw depth is refined.
        settings: weights of the terms, range of depth, `dnstop`.

    Inputs:
        raw (N, 1, H, W) in [-1, 1]; grey (N, 1, H, W) in [-1, 1], what the refining net sees; reference_m
        (N, 1, H, W) metres; mask (N, 1, H, W), 1 where the reference counts; surface (N, 1, H, W), 1 where
        it has a normal; camera (N, 4) fx, fy, cx, cy in pixels; and albedo (N, 1, H, W) in [0, 1] where the
        data have it, else 1 everywhere.
    """

    def __init__(self, networks: Mapping[str, nn.Cell], settings: Settings):
        s = settings
        names = ((DENOISING_TERMS if "denoise" in networks else ())
                 + (REFINING_TERMS if "refine" in networks else ()))
        used = tuple(name for name in names if s[f"{name}_weight"] > 0)
        super().__init__(used, tuple(s[f"{name}_weight"] for name in used))
        self.denoise = networks.get("denoise")
        self.refine = networks.get("refine")
        self.low_m, self.up_m = s.low_thres / MM, s.up_thres / MM
        self.stop = s.dnstop
        self.huber_delta_mm = s.huber_delta
        self.squared_fidelity = s.fidelity == "l2"
        self.ridge = s.shading_ridge

    def counts(self, raw, grey, reference_m, mask, surface, camera, albedo=None):
        """Return the number of pixels, or pairs of pixels, that each term is a mean over."""
        pixels = {"dn_normal_dot": surface, "dt_shading": surface}
        result = ()
        for term in self.terms:
            if term in ("dt_shading_gradient", "dt_smoothness"):
                result += (neighbour_pairs(surface),)
            else:
                result += (pixels.get(term, mask).sum(),)
        return ops.stack(result)

    def construct(self, raw, grey, reference_m, mask, surface, camera, albedo=None):
        """Return the sum of each term over the batch."""
        rays = pinhole_rays(camera, raw.shape[2], raw.shape[3])
        reference_normals = normals(back_project(reference_m, rays))
        denoised = raw
        sums = ()
        if self.denoise is not None:
            denoised = self.denoise(raw).astype(raw.dtype)
            sums += self._denoising_sums(denoised, reference_m, mask, surface, rays, reference_normals)
        if self.refine is not None:
            given = ops.stop_gradient(denoised) if self.stop else denoised
            refined = self.refine(given, grey).astype(raw.dtype)
            sums += self._refining_sums(refined, (grey + 1.0) * 0.5, albedo, reference_m, mask, surface, rays,
                                        reference_normals)
        return ops.stack(sums)

    def _denoising_sums(self, denoised, reference_m, mask, surface, rays, reference_normals):
        depth_m = to_metres(denoised, self.low_m, self.up_m)
        error_mm = (depth_m - reference_m) * MM
        sums = ()
        if "dn_l1" in self.terms:
            sums += (l1_mm(error_mm, mask),)
        if "dn_l2" in self.terms:
            sums += (l2_mm(error_mm, mask),)
        if "dn_huber" in self.terms:
            sums += (huber_mm(error_mm, mask, self.huber_delta_mm),)
        if "dn_normal_dot" in self.terms:
            sums += (normal_dot(back_project(depth_m * MM, rays), reference_normals, surface),)
        return sums

    def _refining_sums(self, refined, grey, albedo, reference_m, mask, surface, rays, reference_normals):
        depth_m = to_metres(refined, self.low_m, self.up_m)
        error_mm = (depth_m - reference_m) * MM
        sums = ()
        if "dt_fidelity" in self.terms:
            sums += (l2_mm(error_mm, mask) if self.squared_fidelity else l1_mm(error_mm, mask),)
        refined_normals = normals(back_project(depth_m, rays))
        if "dt_shading" in self.terms or "dt_shading_gradient" in self.terms:
            if albedo is None:
                albedo = ops.ones_like(grey)
            light = solve_light(reference_normals, albedo, grey, surface, self.ridge)
            error = shade(refined_normals, albedo, ops.stop_gradient(light)) - grey
            if "dt_shading" in self.terms:
                sums += ((error * error * surface).sum(),)
            if "dt_shading_gradient" in self.terms:
                sums += (neighbour_differences(error, surface),)
        if "dt_smoothness" in self.terms:
            sums += (neighbour_differences(refined_normals, surface),)
        return sums
