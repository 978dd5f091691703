using System.Diagnostics;
using System.Runtime.Versioning;
using DotNettyFraming.Hosting;

namespace DotNettyFraming.Tests.Hosting;

[Platform("Linux", Reason = "Owners and modes of files.")]
[UnsupportedOSPlatform("windows")]
public sealed class PrivateFileTests
{
    private string _folder = "";

    [SetUp]
    public void Make_a_folder() => _folder = Directory.CreateTempSubdirectory("private-file").FullName;

    [TearDown]
    public void Remove_it() => Directory.Delete(_folder, recursive: true);

    [TestCase(0x180, "rw-------")] // 0600
    [TestCase(0x1A0, "rw-r-----")] // 0640
    [TestCase(0x1B6, "rw-rw-rw-")] // 0666, which the usual umask narrows
    public void Mode_is_exact_whatever_the_umask(int mode, string text)
    {
        string path = Path.Combine(_folder, text);
        PrivateFile.CreateNew(path, (UnixFileMode)mode).Dispose();

        Assert.That((int)File.GetUnixFileMode(path), Is.EqualTo(mode));
    }

    [Test]
    public void Link_in_the_place_of_a_new_file_is_not_followed()
    {
        string target = Path.Combine(_folder, "secret");
        string link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, target);

        Assert.That(() => PrivateFile.CreateNew(link, UnixFileMode.UserWrite), Throws.InstanceOf<IOException>());
        Assert.That(File.Exists(target), Is.False);
    }

    [Test]
    public void Own_links_are_followed_and_those_of_others_named()
    {
        string own = Path.Combine(_folder, "own");
        string foreign = Path.Combine(_folder, "foreign");
        string through = Path.Combine(_folder, "through");
        Directory.CreateDirectory(Path.Combine(_folder, "directory"));
        File.CreateSymbolicLink(own, "directory");
        File.CreateSymbolicLink(foreign, "directory");
        File.CreateSymbolicLink(through, "foreign");
        GiveAway(foreign);

        Assert.Multiple(() =>
        {
            Assert.That(PrivateFile.ForeignLink(Path.Combine(_folder, "missing", "file")), Is.Null);
            Assert.That(PrivateFile.ForeignLink(own), Is.Null);
            Assert.That(PrivateFile.ForeignLink(Path.Combine(own, "file")), Is.Null);
            Assert.That(PrivateFile.ForeignLink(foreign), Is.EqualTo(foreign));
            Assert.That(PrivateFile.ForeignLink(Path.Combine(foreign, "file")), Is.EqualTo(foreign));
            Assert.That(PrivateFile.ForeignLink(through), Is.EqualTo(foreign));
        });
    }

    [Test]
    public void Links_that_never_end_are_foreign()
    {
        string link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, "link");

        Assert.That(PrivateFile.ForeignLink(link), Is.EqualTo(link));
    }

    [TestCase(0x1C0, false)] // 0700
    [TestCase(0x1ED, false)] // 0755
    [TestCase(0x1FD, false, Description = "the own group")] // 0775
    [TestCase(0x1FF, true)] // 0777
    [TestCase(0x3FF, true, Description = "sticky, as /tmp")] // 01777
    public void Directory_is_writable_by_others(int mode, bool expected)
    {
        File.SetUnixFileMode(_folder, (UnixFileMode)mode);

        Assert.That(PrivateFile.IsWritableByOthers(_folder), Is.EqualTo(expected));
    }

    [Test]
    public void Directory_of_another_user_is_writable_by_others()
    {
        GiveAway(_folder);

        Assert.That(PrivateFile.IsWritableByOthers(_folder), Is.True);
    }

    [TestCase(0x180, false)] // 0600
    [TestCase(0x1A0, false)] // 0640
    [TestCase(0x1A4, true)] // 0644
    public void File_is_readable_by_others(int mode, bool expected)
    {
        string path = Path.Combine(_folder, "key.pem");
        PrivateFile.CreateNew(path, (UnixFileMode)mode).Dispose();

        Assert.That(PrivateFile.IsReadableByOthers(path), Is.EqualTo(expected));
    }

    [Test]
    public void Appended_file_keeps_its_content_and_gets_the_exact_mode()
    {
        string path = Path.Combine(_folder, "log");
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        for (int i = 0; i < 2; i++)
        {
            using (FileStream file = PrivateFile.Append(path, Mode))
            {
                file.Write("line\n"u8);
            }

            Assert.That(File.GetUnixFileMode(path), Is.EqualTo(Mode));
            File.SetUnixFileMode(path, Mode | UnixFileMode.OtherRead);
        }

        Assert.That(File.ReadAllText(path), Is.EqualTo("line\nline\n"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Link_or_file_of_another_user_is_not_appended_to(bool isLink)
    {
        string target = Path.Combine(_folder, "secret");
        string path = isLink ? Path.Combine(_folder, "log") : target;
        File.WriteAllText(target, "secret");
        File.SetUnixFileMode(target, UnixFileMode.UserRead);
        if (isLink)
        {
            File.CreateSymbolicLink(path, target);
        }

        GiveAway(path);

        Assert.That(
            () => PrivateFile.Append(path, UnixFileMode.UserWrite),
            Throws.TypeOf<IOException>().With.Message.EqualTo($"'{path}' belongs to another user"));
        Assert.That(File.ReadAllText(target), Is.EqualTo("secret"));
        Assert.That(File.GetUnixFileMode(target), Is.EqualTo(UnixFileMode.UserRead));
    }

    /// <summary>Only root can.</summary>
    private static void GiveAway(string path)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("only root can give a file to another user");
        }

        using Process chown = Process.Start("chown", ["-h", "65534:65534", path]);
        Assert.That(chown.WaitForExit(TimeSpan.FromSeconds(20)) && chown.ExitCode == 0, Is.True);
    }
}
