# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's training objectives: lidar depth and consistency, then reconstruction and consistency."""
from __future__ import annotations

from collections.abc import Mapping

from mindspore import nn, ops

from src.config import Settings
from src.errors import UserError
from src.geometry.warp import has_depth, visible, warp_stereo
from src.losses.base import Objective, safe_divide
from src.losses.robust import berhu_sum, l1_sum, l2_sum
from src.losses.smoothness import edge_aware_smoothness
from src.losses.ssim import Ssim, window_mask

SUPERVISED_TERMS = ("su_left", "su_right")
RECONSTRUCTION_TERMS = ("rec_left", "rec_right")
CONSISTENCY_TERMS = ("con_left", "con_right")
SMOOTHNESS_TERMS = ("smooth_left", "smooth_right")

# Relative: silhouettes make larger jumps, and trained nets disagree by less.
OCCLUSION_MARGIN = 0.1
# Godard et al. 2017, eq. 2: 3x3 windows, and the share of dissimilarity in the photometric error.
SSIM_WINDOW_PX = 3
SSIM_SHARE = 0.85

_SUPERVISED_SUMS = {"l1": l1_sum, "l2": l2_sum, "berhu": berhu_sum}


def upper_region(values):
    """Return m(y) = exp(1 - y / H) - 1 of the rows y = 0 .. H - 1 of values (N, C, H, W), (1, 1, H, 1).

    1.72 at the top, where no lidar beam goes, about 0 at the bottom.
    """
    height = values.shape[2]
    y = ops.arange(height).astype(values.dtype).reshape((1, 1, -1, 1))
    return ops.exp(1.0 - y / height) - 1.0


def mean_error(error, valid, row_weights):
    """Return each image's weighted sum of errors over valid pixels by their number, (N,); 0 without any.

    As published the rows' weights scale errors but not the divisor.

    Args:
        error: (N, 1, H, W), not negative.
        valid: (N, 1, H, W), 1 or 0.
        row_weights: (1, 1, H, 1).
    """
    return safe_divide((error * valid * row_weights).sum(axis=(1, 2, 3)), valid.sum(axis=(1, 2, 3)))


def squared_error(seen, image, valid, row_weights):
    """Return each image's mean squared difference over valid pixels and channels, (N,)."""
    difference = seen - image
    return mean_error((difference * difference).mean(axis=1, keep_dims=True), valid, row_weights)


def photometric_error(seen, image, similarity, valid, row_weights):
    """Return each image's 0.85 mean (1 - SSIM) / 2 + 0.15 mean |difference|, (N,).

    The former over the windows that are valid throughout, weighted as their centre's row; the latter over
    valid pixels; both over channels.

    Args:
        seen: (N, C, H, W).
        image: (N, C, H, W).
        similarity: of the two, from `Ssim(SSIM_WINDOW_PX)`.
        valid: (N, 1, H, W), 1 or 0.
        row_weights: (1, 1, H, 1).
    """
    border = SSIM_WINDOW_PX // 2
    dissimilarity = (0.5 - 0.5 * similarity).mean(axis=1, keep_dims=True)
    structure = mean_error(dissimilarity, window_mask(valid, SSIM_WINDOW_PX),
                           row_weights[:, :, border:-border])
    absolute = mean_error(ops.abs(seen - image).mean(axis=1, keep_dims=True), valid, row_weights)
    return SSIM_SHARE * structure + (1.0 - SSIM_SHARE) * absolute


def shrink(image, height: int):
    """Return the image (N, C, H, W) at this height, a whole part of H, by the mean of each block's area."""
    n, c, full_height, full_width = image.shape
    factor = full_height // height
    blocks = image.reshape((n, c, height, factor, full_width // factor, factor))
    return blocks.mean(axis=(3, 5))


def see(other_maps, depth_m, focal_baseline_px_m, sign: float, cx_shift_px):
    """Return the other view's maps as this view sees them, and where (1 or 0) it can.

    Args:
        other_maps: (N, C, H, W), the first of which is that view's depth in metres.
        depth_m: this view's, (N, 1, H, W).
        focal_baseline_px_m: (N,) or (N, 1).
        sign: -1 where this view is the left one, +1 where it is the right one.
        cx_shift_px: the other view's cx minus this view's, (N,) or (N, 1).
    """
    seen, valid = warp_stereo(other_maps, depth_m, focal_baseline_px_m, sign, cx_shift_px)
    return seen, valid * visible(depth_m, seen[:, :1], OCCLUSION_MARGIN)


class StereoObjective(Objective):
    """What both phases share: the forward pass, consistency and smoothness.

    - `con_left`, in m^2: mean squared difference of the left depth and of the right depth that the left view
      sees by it (in a rectified pair a point has the same z in both), over the pixels that both views see. As
      that depends on the predictions it is a mean of each image and counts images. With `c_mask` its rows are
      weighted by `upper_region`. Gradients reach both nets.
    - `smooth_left`: `edge_aware_smoothness` of the left depth; counts images.

    And the same of the right view. Terms of weight 0 are left out.

    Args:
        networks: "left" and "right", from images to depth / `output_max_m`.
        data_terms: the phase's own.
        data_weight: of each of these.
        consistency_weight: of each view's.
        settings: `output_max_m`, `c_mask`, `smoothness_weight` (shared by both views).

    Inputs:
        left, right (N, 3, H, W) in [0, 1]; depth_left_m, depth_right_m (N, 1, h, w) metres, 0 = no reading;
        camera (N, 4) fx, baseline in metres, cx of the left and of the right view, in pixels of w. The nets
        return (N, 1, h, w) in (0, 1); h and w are H and W or whole parts of these.
    """

    def __init__(self, networks: Mapping[str, nn.Cell], data_terms: tuple[str, ...], data_weight: float,
                 consistency_weight: float, settings: Settings):
        weights = {**dict.fromkeys(data_terms, data_weight),
                   **dict.fromkeys(CONSISTENCY_TERMS, consistency_weight),
                   **dict.fromkeys(SMOOTHNESS_TERMS, settings.smoothness_weight / 2)}
        used = tuple(term for term, weight in weights.items() if weight > 0)
        super().__init__(used, tuple(weights[term] for term in used))
        self.left = networks["left"]
        self.right = networks["right"]
        self.output_max_m = settings.output_max_m
        self.c_mask = settings.c_mask

    def depths_m(self, left, right):
        """Return the depth maps (N, 1, h, w) in metres that the nets predict."""
        left_m = self.left(left).astype(left.dtype) * self.output_max_m
        right_m = self.right(right).astype(right.dtype) * self.output_max_m
        return left_m, right_m

    def see_both(self, left_maps, right_maps, left_m, right_m, camera):
        """Return (seen by the left view, where, seen by the right view, where)."""
        fx_px, baseline_m, cx_left_px, cx_right_px = camera.split(1, axis=1)
        focal_baseline_px_m = fx_px * baseline_m
        shift_px = cx_right_px - cx_left_px
        by_left, left_valid = see(right_maps, left_m, focal_baseline_px_m, -1.0, shift_px)
        by_right, right_valid = see(left_maps, right_m, focal_baseline_px_m, 1.0, -shift_px)
        return by_left, left_valid, by_right, right_valid

    def row_weights(self, values, upper: bool):
        """Return the weights (1, 1, H, 1) of rows: those of the upper region, or 1."""
        weights = upper_region(values)
        return weights if upper else ops.ones_like(weights)

    def consistency_sums(self, left_m, right_m, by_left, left_valid, by_right, right_valid):
        """Return the sums of `con_left` and `con_right`; the first map of those seen is depth."""
        rows = self.row_weights(left_m, self.c_mask)
        return (squared_error(by_left[:, :1], left_m, left_valid, rows).sum(),
                squared_error(by_right[:, :1], right_m, right_valid, rows).sum())

    def smoothness_sums(self, left_m, right_m, left, right):
        """Return the sums of `smooth_left` and `smooth_right`."""
        everywhere = ops.ones_like(left_m)
        return (edge_aware_smoothness(left_m, left, everywhere).sum(),
                edge_aware_smoothness(right_m, right, everywhere).sum())


class SupervisedObjective(StereoObjective):
    """Phase 1: [alpha (S_L + S_R) + gamma (C_L + C_R)] / (2 (alpha + gamma)), plus smoothness.

    `su_left` is the `supervised_loss` ("l2" in m^2, "l1" or "berhu" in m) of the left depth over all pixels
    with a reading, and counts these; `su_right` likewise, with a threshold of its own where it is berHu.

    Raises:
        UserError: alpha and gamma are both 0.
    """

    def __init__(self, networks: Mapping[str, nn.Cell], settings: Settings):
        total = 2 * (settings.alpha + settings.gamma)
        if total <= 0:
            raise UserError("--alpha and --gamma are both 0: nothing to learn; make one of them positive")
        super().__init__(networks, SUPERVISED_TERMS, settings.alpha / total, settings.gamma / total, settings)
        self.error_sum = _SUPERVISED_SUMS[settings.supervised_loss]

    def counts(self, left, right, depth_left_m, depth_right_m, camera):
        """Return the number of readings of each view, and of images."""
        readings = {"su_left": has_depth(depth_left_m), "su_right": has_depth(depth_right_m)}
        images = ops.ones_like(camera[:, 0])
        result = ()
        for term in self.terms:
            result += (readings.get(term, images).astype(left.dtype).sum(),)
        return ops.stack(result)

    def construct(self, left, right, depth_left_m, depth_right_m, camera):
        """Return the sum of each term over the batch."""
        left_m, right_m = self.depths_m(left, right)
        sums = ()
        if "su_left" in self.terms:
            sums += (self.error_sum(left_m - depth_left_m, has_depth(depth_left_m).astype(left.dtype)),
                     self.error_sum(right_m - depth_right_m, has_depth(depth_right_m).astype(left.dtype)))
        if "con_left" in self.terms:
            sums += self.consistency_sums(left_m, right_m,
                                          *self.see_both(left_m, right_m, left_m, right_m, camera))
        if "smooth_left" in self.terms:
            height = left_m.shape[2]
            sums += self.smoothness_sums(left_m, right_m, shrink(left, height), shrink(right, height))
        return ops.stack(sums)


class UnsupervisedObjective(StereoObjective):
    """Phase 2: [beta (R_L + R_R) + gamma (C_L + C_R)] / (2 (beta + gamma)), plus smoothness.

    `rec_left` compares the left image with the right one seen by the left depth (inverse warping, gradients
    through the geometry), over the pixels that both views see, as a mean of each image; it counts images.
    `photometric`: "l2" is the mean squared difference (the published one), "ssim" `photometric_error`. With
    `r_mask` rows are weighted by `upper_region`.

    R and the published C are of values in [0, 1]: beta and gamma balance these. So C, which is in m^2 here,
    is divided by output_max_m^2.

    Inputs as of `StereoObjective`; the measured depths do not matter.

    Raises:
        UserError: beta and gamma are both 0.
    """

    def __init__(self, networks: Mapping[str, nn.Cell], settings: Settings):
        s = settings
        total = 2 * (s.beta + s.gamma)
        if total <= 0:
            raise UserError("--beta and --gamma are both 0: nothing to learn; make one of them positive")
        super().__init__(networks, RECONSTRUCTION_TERMS, s.beta / total,
                         s.gamma / (total * s.output_max_m**2), s)
        self.ssim = Ssim(SSIM_WINDOW_PX) if s.photometric == "ssim" else None
        self.r_mask = s.r_mask

    def counts(self, left, right, depth_left_m, depth_right_m, camera):
        """Every term is a mean over images."""
        images = ops.ones_like(camera[:, 0]).sum()
        return ops.stack([images] * len(self.terms))

    def construct(self, left, right, depth_left_m, depth_right_m, camera):
        """Return the sum of each term over the batch."""
        left_m, right_m = self.depths_m(left, right)
        left, right = shrink(left, left_m.shape[2]), shrink(right, right_m.shape[2])
        seen = self.see_both(ops.concat((left_m, left), 1), ops.concat((right_m, right), 1), left_m, right_m,
                             camera)
        sums = ()
        if "rec_left" in self.terms:
            by_left, left_valid, by_right, right_valid = seen
            sums += (self._reconstruction(by_left[:, 1:], left, left_valid).sum(),
                     self._reconstruction(by_right[:, 1:], right, right_valid).sum())
        if "con_left" in self.terms:
            sums += self.consistency_sums(left_m, right_m, *seen)
        if "smooth_left" in self.terms:
            sums += self.smoothness_sums(left_m, right_m, left, right)
        return ops.stack(sums)

    def _reconstruction(self, seen, image, valid):
        rows = self.row_weights(image, self.r_mask)
        if self.ssim is not None:
            return photometric_error(seen, image, self.ssim(seen, image), valid, rows)
        return squared_error(seen, image, valid, rows)
