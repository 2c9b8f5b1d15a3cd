"""Image programs, what they are told to do, and the kernel that this is.

`test_programs.py` runs them all and holds kernfit to it; `docs/make_programs.py` writes down what
is found.
"""

from functools import partial

import numpy as np
from program_kernels import (
    ASYMMETRIC,
    DECIMAL,
    DIAGONAL,
    EVEN,
    FIVE,
    LONG,
    SEVEN,
    SOBEL,
    WIDE,
    Linear,
    NonLinear,
    around,
    blur,
    box,
    flipped,
    gaussian,
    motion,
    recursive,
    sharpen,
    square,
    three_boxes,
    unsharp,
)

# Of vips: columns, rows, divisor, offset; then the taps.
MATRICES = {
    "asymmetric.mat": "3 3 16 0\n1 2 3\n4 5 6\n0 -1 -4\n",
    "offset.mat": "3 3 4 100\n-1 -2 0\n-1 0 1\n0 1 3\n",
    "even.mat": "2 2 10 0\n1 2\n3 4\n",
    "long.mat": "4 2 10 0\n1 2 3 4\n2 -1 1 -2\n",
    "row.mat": "5 1 11 0\n1 2 3 4 1\n",
}


def imagemagick():
    kernel, other = partial(Linear, "ImageMagick"), partial(NonLinear, "ImageMagick")
    comma = "1,2,3,4,5,6,0,-1,-4"
    decimal = "3x3:.1,.2,.3,.1,.25,0,0,-.1,.15"
    # Floating numbers are clipped at 0 and 1: nothing that overshoots.
    blurring = "3x3:.1,.2,.3,.1,.15,0,0,.05,.1"
    asymmetric = ASYMMETRIC / 16
    as_float = "-depth 32 -define quantum:format=floating-point"
    return [
        kernel(f"convert grey8.png -convolve {comma} after.png", asymmetric, rounding="cuts"),
        kernel(f"convert grey8.tif -convolve {comma} after.tif", asymmetric),
        kernel(f"convert grey16.png -convolve {comma} after.png", asymmetric),
        kernel(f"convert colour8.ppm -convolve {comma} after.ppm", asymmetric),
        kernel(
            f"convert grey8.png -morphology Convolve {decimal} after.png",
            flipped(DECIMAL),
            rounding="cuts",
        ),
        kernel(f"convert grey8.tif -morphology Correlate {decimal} after.tif", DECIMAL),
        kernel(f"convert grey16.tif -morphology Convolve {decimal} after.tif", flipped(DECIMAL)),
        kernel(
            f"convert grey32.tif -morphology Convolve {blurring} {as_float} after.tif",
            flipped([[0.1, 0.2, 0.3], [0.1, 0.15, 0], [0, 0.05, 0.1]]),
            rounding="none",
        ),
        kernel(
            "convert grey8.tif -morphology Convolve 2x2:.1,.2,.3,.4 after.tif",
            around(flipped(EVEN), down=1, right=1),
        ),
        kernel("convert grey8.tif -morphology Correlate 2x2:.1,.2,.3,.4 after.tif", EVEN),
        kernel(
            "convert grey16.tif -morphology Convolve 2x4:.1,.2,.3,.1,.25,0,0,.05 after.tif",
            around([[0.05, 0], [0, 0.25], [0.1, 0.3], [0.2, 0.1]], down=1, right=1),
        ),
        kernel(
            "convert grey8.tif -morphology Convolve 5x1:.1,.2,.3,.4,-.1 after.tif",
            np.array([[-0.1, 0.4, 0.3, 0.2, 0.1]]),
        ),
        kernel(
            "convert grey8.tif -morphology Convolve 1x5:.1,.2,.3,.4,-.1 after.tif",
            np.array([[-0.1], [0.4], [0.3], [0.2], [0.1]]),
        ),
        kernel(
            "convert grey8.png -bias 50% -convolve -1,-1,0,-1,0,1,0,1,1 after.png",
            DIAGONAL,
            offset=127.5,
            rounding="cuts",
        ),
        kernel("convert grey8.tif -gaussian-blur 1x0.6 after.tif", square(gaussian(0.6, 1))),
        kernel("convert grey16.tif -gaussian-blur 2x1 after.tif", square(gaussian(1, 2))),
        kernel("convert grey8.tif -blur 2x1 after.tif", square(blur(1, 2)), reproduced=0.998),
        kernel("convert grey16.tif -sharpen 1x1 after.tif", sharpen(1, 1)),
        kernel("convert grey8.tif -sharpen 4x1 after.tif", sharpen(1, 4), tails=True),
        kernel(
            "convert grey8.tif -unsharp 1x1+1+0 after.tif",
            unsharp(square(blur(1, 1))),
            reproduced=0.998,
        ),
        kernel("convert grey8.tif -motion-blur 3x1+0 after.tif", motion(1, 6), tails=True),
        kernel(
            "convert grey8.tif -level 5%,95% after.tif",
            np.array([[10 / 9]]),
            offset=-0.05 * 255 * 10 / 9,
        ),
        other("convert grey8.tif -statistic Median 3x3 after.tif"),
        other("convert grey16.tif -statistic Median 3x3 after.tif"),
        other("convert grey8.tif -statistic Maximum 3x3 after.tif"),
        other("convert grey8.tif -statistic Minimum 2x2 after.tif"),
        other("convert grey8.tif -unsharp 0x1+1+0.05 after.tif"),
        other("convert grey16.tif -unsharp 0x1+1+0.02 after.tif"),
        other("convert grey8.tif -gamma 1.1 after.tif"),
        other("convert grey16.tif -gamma 1.1 after.tif"),
        other("convert grey8.tif -level 10%,90%,1.2 after.tif"),
        other("convert grey8.tif -sigmoidal-contrast 3x50% after.tif"),
        other("convert grey8.tif -posterize 32 after.tif"),
        other("convert grey8.tif -despeckle after.tif"),
        other("convert grey8.tif -equalize after.tif"),
        other("convert grey8.tif -emboss 1 after.tif"),
        other("convert grey8.tif -selective-blur 0x1+10% after.tif"),
        other("convert grey8.tif -quality 30 after.jpg"),
        other("convert grey8.tif -quality 75 after.jpg"),
    ]


def graphicsmagick():
    kernel, other = partial(Linear, "GraphicsMagick"), partial(NonLinear, "GraphicsMagick")
    comma = "1,2,3,4,5,6,0,-1,-4"
    five = ",".join(map(str, FIVE.ravel()))
    return [
        kernel(
            f"gm convert grey8.png -convolve {comma} after.png", ASYMMETRIC / 16, rounding="cuts"
        ),
        kernel(f"gm convert grey16.tif -convolve {comma} after.tif", ASYMMETRIC / 16),
        kernel(
            f"gm convert colour8.ppm -convolve {comma} after.ppm", ASYMMETRIC / 16, rounding="cuts"
        ),
        kernel(f"gm convert grey8.tif -convolve {five} after.tif", FIVE / 81, rounding="cuts"),
        kernel(
            "gm convert grey8.tif -blur 1x1 after.tif",
            square(blur(1, 1)),
            rounding="cuts",
            reproduced=0.999,
        ),
        kernel(
            "gm convert grey16.tif -blur 1x1 after.tif",
            square(blur(1, 1)),
            rounding="each pass",
            reproduced=0.85,
        ),
        kernel(
            "gm convert grey8.tif -gaussian 1x1 after.tif", square(gaussian(1, 1)), rounding="cuts"
        ),
        kernel("gm convert grey8.tif -sharpen 1x1 after.tif", sharpen(1, 1), rounding="cuts"),
        kernel(
            "gm convert grey8.tif -edge 1 after.tif", unsharp(box(3, 3), 9) - np.diag([0, 1, 0])
        ),
        other("gm convert grey8.tif -median 1 after.tif"),
        other("gm convert grey16.tif -median 1 after.tif"),
        other("gm convert grey8.tif -despeckle after.tif"),
        other("gm convert grey8.tif -unsharp 0x1+1+0.05 after.tif"),
        other("gm convert grey8.tif -gamma 1.1 after.tif"),
        other("gm convert grey8.tif -enhance after.tif"),
        other("gm convert grey8.tif -emboss 1 after.tif"),
        other("gm convert grey8.tif -equalize after.tif"),
    ]


def ffmpeg():
    kernel, other = partial(Linear, "ffmpeg"), partial(NonLinear, "ffmpeg")
    matrix = "1 2 3 4 5 6 0 -1 -4"
    five = " ".join(map(str, FIVE.ravel()))
    raw = "-f rawvideo -pix_fmt grayf32le"

    def run(vf, kind="grey8.pgm", after="after.pgm"):
        return f'ffmpeg -i {kind} -vf "{vf}" {after}'

    return [
        kernel(run(f"convolution=0m='{matrix}'"), ASYMMETRIC / 16),
        kernel(run(f"convolution=0m='{matrix}'", "grey16.png", "after.png"), ASYMMETRIC / 16),
        kernel(
            run(
                f"format=gbrp,convolution=0m='{matrix}':1m='{matrix}':2m='{matrix}',format=rgb24",
                "colour8.ppm",
                "after.ppm",
            ),
            ASYMMETRIC / 16,
        ),
        kernel(run(f"convolution=0m='{five}'"), FIVE / 81),
        kernel(
            run("convolution=0m='-1 -1 0 -1 0 1 0 1 1':0rdiv=1:0bias=100"), DIAGONAL, offset=100
        ),
        kernel(run("convolution=0m='1 2 3 4 -5 6 5':0mode=row"), SEVEN.T / 16),
        # A few pixels beside its top left corner are wrong, though their column is whole.
        kernel(run("convolution=0m='1 2 3 4 -5 6 5':0mode=column"), SEVEN / 16, reproduced=0.9999),
        kernel(run("boxblur=1:1"), box(3, 3), rounding="each pass", reproduced=0.89),
        kernel(run("boxblur=2:1", "grey16.pgm"), box(5, 5), rounding="each pass", reproduced=0.8),
        kernel(run("avgblur=1"), box(3, 3), rounding="cuts"),
        kernel(run("avgblur=1:planes=1:sizeY=2", "grey16.pgm"), box(5, 3), rounding="cuts"),
        kernel(run("gblur=0.3"), square(recursive(0.3, 4)), tails=True),
        kernel(
            f'ffmpeg {raw} -s 400x400 -i grey32.raw -vf "gblur=0.5" {raw} after.raw',
            square(recursive(0.5, 8)),
            rounding="none",
            tails=True,
        ),
        kernel(
            run("format=gray,unsharp=5:3:1,format=gray"),
            unsharp(np.outer([1, 2, 1], [1, 4, 6, 4, 1]) / 64),
        ),
        other(run("median=1")),
        other(run("median=1", "grey16.pgm")),
        other(run("erosion")),
        other(run("dilation")),
        other(run("sobel")),
        other(run("kirsch")),
        other(run("bilateral=1:0.1")),
        other(run("bilateral=1:0.02")),
        other(run("cas=0.5,format=gray")),
        other(run("yaepblur,format=gray")),
        other(run("smartblur=1:1:10,format=gray")),
        other(run("nlmeans=s=3,format=gray")),
        other(run("hqdn3d,format=gray")),
        other(run("vaguedenoiser,format=gray")),
        other(run("fftdnoiz,format=gray")),
        other(run("dctdnoiz=4.5,format=gray")),
        other(run("curves=preset=increase_contrast,format=gray")),
        other(run("histeq,format=gray")),
    ]


def vips():
    kernel, other = partial(Linear, "vips"), partial(NonLinear, "vips")
    integer = "--precision integer --vips-novector"
    whole = np.rint(20 * np.exp(-(np.arange(-1, 2) ** 2) / 2))
    return [
        kernel("vips conv grey8.png after.tif asymmetric.mat", ASYMMETRIC / 16, rounding="none"),
        kernel("vips conv grey16.tif after.tif asymmetric.mat", ASYMMETRIC / 16, rounding="none"),
        kernel("vips conv grey32.tif after.tif asymmetric.mat", ASYMMETRIC / 16, rounding="none"),
        kernel("vips conv colour8.png after.tif asymmetric.mat", ASYMMETRIC / 16, rounding="none"),
        kernel("vips conv grey8.png after.png asymmetric.mat", ASYMMETRIC / 16, rounding="cuts"),
        kernel("vips conv grey16.png after.png asymmetric.mat", ASYMMETRIC / 16, rounding="cuts"),
        kernel(f"vips conv grey8.png after.png asymmetric.mat {integer}", ASYMMETRIC / 16),
        kernel(f"vips conv grey16.png after.png asymmetric.mat {integer}", ASYMMETRIC / 16),
        kernel(
            "vips conv grey8.png after.tif offset.mat",
            np.array([[-1, -2, 0], [-1, 0, 1], [0, 1, 3]]) / 4,
            offset=100,
            rounding="none",
        ),
        kernel(
            "vips conv grey8.png after.tif even.mat", around(EVEN, down=1, right=1), rounding="none"
        ),
        kernel(
            f"vips conv grey8.png after.png long.mat {integer}", around(LONG / 10, down=1, right=1)
        ),
        kernel(
            "vips conv grey32.tif after.tif row.mat",
            np.array([[1, 2, 3, 4, 1]]) / 11,
            rounding="none",
        ),
        kernel(
            "vips convsep grey16.tif after.tif row.mat",
            square(np.array([1, 2, 3, 4, 1]) / 11),
            rounding="none",
        ),
        kernel(
            "vips gaussblur grey32.tif after.tif 1 --precision float --min-ampl 0.01",
            square(gaussian(1, 3)),
            rounding="none",
        ),
        kernel(
            "vips gaussblur grey16.png after.png 1",
            square(whole / whole.sum()),
            rounding="each pass",
            reproduced=0.85,
        ),
        other("vips rank grey8.png after.png 3 3 4"),
        other("vips rank grey16.png after.png 3 3 0"),
        other("vips sharpen grey8.png after.png"),
        other("vips sobel grey8.png after.png"),
        other("vips compass grey32.tif after.tif asymmetric.mat --combine max"),
        other("vips gamma grey8.png after.png --exponent 1.1"),
        other("vips hist_equal grey8.png after.png"),
        other("vips hist_local grey8.png after.png 30 30"),
    ]


def netpbm():
    kernel, other = partial(Linear, "netpbm"), partial(NonLinear, "netpbm")
    decimal = "-matrix=.1,.2,.3;.1,.25,0;0,-.1,.15"
    wide = "-matrix=1,2,3,1,1;0,4,5,-6,1;1,-1,2,2,0"
    return [
        kernel(f"pnmconvol '{decimal}' grey8.pgm > after.pgm", DECIMAL),
        kernel(f"pnmconvol '{decimal}' grey16.pgm > after.pgm", DECIMAL),
        kernel(f"pnmconvol '{decimal}' colour8.ppm > after.ppm", DECIMAL),
        kernel(f"pnmconvol '{wide}' -normalize grey8.pgm > after.pgm", WIDE / 16),
        kernel(f"pnmconvol '{wide}' -normalize grey16.pgm > after.pgm", WIDE / 16),
        kernel(
            "pnmconvol '-matrix=-1,-1,0;-1,0,1;0,1,1' -bias=100 grey8.pgm > after.pgm",
            DIAGONAL,
            offset=100,
        ),
        kernel(
            "pnmconvol -matrix=.1,.2,.3,.5,-.1 grey8.pgm > after.pgm",
            np.array([[0.1, 0.2, 0.3, 0.5, -0.1]]),
        ),
        kernel(
            "pnmconvol '-matrix=.1;.2;.3;.5;-.1' grey16.pgm > after.pgm",
            np.array([[0.1], [0.2], [0.3], [0.5], [-0.1]]),
        ),
        kernel("pnmsmooth -width=5 -height=3 grey8.pgm > after.pgm", box(3, 5)),
        kernel("pgmenhance grey8.pgm > after.pgm", unsharp(box(3, 3), 9)),
        kernel(
            "pnmnorm -quiet -bvalue 8 -wvalue 250 grey8.pgm > after.pgm",
            np.array([[255 / 242]]),
            offset=-8 * 255 / 242,
        ),
        other("pgmmedian grey8.pgm > after.pgm"),
        other("pnmnlfilt 0.25 0.8 grey8.pgm > after.pgm"),
        other("pnmnlfilt 2 1 grey8.pgm > after.pgm"),
        other("pamedge grey8.pgm > after.pgm"),
        other("pnmgamma 1.05 grey8.pgm > after.pgm"),
        other("pnmgamma 1.4 grey16.pgm > after.pgm"),
        other("pnmhisteq grey8.pgm > after.pgm"),
        other("pgmoil grey8.pgm > after.pgm"),
        other("pnmquant 16 colour8.ppm > after.ppm"),
    ]


def pillow():
    kernel, other = partial(Linear, "Pillow"), partial(NonLinear, "Pillow")
    three = "(1, 2, 3, 4, 5, 6, 0, -1, -4)"
    box_of_2 = square(np.array([0.5, 1, 0.5]) / 2)
    return [
        kernel(f"grey8.filter(ImageFilter.Kernel((3, 3), {three}))", ASYMMETRIC[::-1] / 16),
        kernel(f"colour8.filter(ImageFilter.Kernel((3, 3), {three}))", ASYMMETRIC[::-1] / 16),
        kernel(
            f"grey8.filter(ImageFilter.Kernel((3, 3), {three}, offset=20))",
            ASYMMETRIC[::-1] / 16,
            offset=20,
        ),
        kernel(
            f"grey8.filter(ImageFilter.Kernel((5, 5), {tuple(FIVE.ravel().tolist())}))",
            FIVE[::-1] / 81,
        ),
        kernel(
            "grey8.filter(ImageFilter.BoxBlur(1))", box(3, 3), rounding="each pass", reproduced=0.89
        ),
        kernel(
            "grey8.filter(ImageFilter.BoxBlur(0.5))",
            box_of_2,
            rounding="each pass",
            reproduced=0.85,
        ),
        kernel(
            "grey8.filter(ImageFilter.GaussianBlur(1))",
            square(three_boxes(1)),
            rounding="each pass",
            reproduced=0.6,
            tails=True,
        ),
        kernel(
            "ImageEnhance.Sharpness(grey8).enhance(2.0)",
            unsharp((np.ones((3, 3)) + 4 * np.eye(3)[1] * np.eye(3)[:, 1:2]) / 13),
        ),
        kernel(
            "grey8.transform(grey8.size, Image.Transform.AFFINE, (1, 0, 0.3, 0, 1, 0.4), "
            "Image.Resampling.BILINEAR)",
            np.outer([0.6, 0.4], [0.7, 0.3]),
            rounding="cuts",
        ),
        other("grey8.filter(ImageFilter.MedianFilter(3))"),
        other("grey8.filter(ImageFilter.MinFilter(3))"),
        other("grey8.filter(ImageFilter.MaxFilter(3))"),
        other("grey8.filter(ImageFilter.ModeFilter(3))"),
        other("grey8.filter(ImageFilter.UnsharpMask(1, 100, 3))"),
        other("ImageOps.equalize(grey8)"),
        other("ImageOps.posterize(grey8, 4)"),
        other("ImageOps.posterize(grey8, 6)"),
        other("ImageOps.solarize(grey8)"),
    ]


def scipy():
    kernel, other = partial(Linear, "SciPy"), partial(NonLinear, "SciPy")
    three = "[[1, 2, 3], [4, 5, 6], [0, -1, -4]]"
    return [
        kernel(f"ndimage.correlate(grey32, {three})", ASYMMETRIC, rounding="none"),
        kernel(f"ndimage.convolve(grey32, {three})", flipped(ASYMMETRIC), rounding="none"),
        kernel(
            "ndimage.correlate(grey32, [[.1, .2], [.3, .4]])",
            around(EVEN, down=1, right=1),
            rounding="none",
        ),
        kernel(
            "ndimage.correlate1d(grey32, [.1, .2, .3, .5, -.1], axis=0)",
            np.array([[0.1], [0.2], [0.3], [0.5], [-0.1]]),
            rounding="none",
        ),
        kernel("ndimage.uniform_filter(grey32, (3, 5))", box(3, 5), rounding="none"),
        kernel(
            "ndimage.uniform_filter(grey16, 3)", box(3, 3), rounding="each pass", reproduced=0.85
        ),
        kernel("ndimage.gaussian_filter(grey32, 0.7)", square(gaussian(0.7, 3)), rounding="none"),
        kernel("ndimage.sobel(grey32, axis=1)", SOBEL, rounding="none"),
        other("ndimage.median_filter(grey32, 3)"),
        other("ndimage.gaussian_gradient_magnitude(grey32, 1)"),
        other("ndimage.grey_opening(grey16, 3)"),
    ]


MAKERS = (imagemagick, graphicsmagick, ffmpeg, vips, netpbm, pillow, scipy)
CASES = [case for maker in MAKERS for case in maker()]
LINEAR = [case for case in CASES if isinstance(case, Linear)]
NONLINEAR = [case for case in CASES if isinstance(case, NonLinear)]
IN_PYTHON = ("Pillow", "SciPy")
